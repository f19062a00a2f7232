"""What a history teaches about an agreement: from the files to a text that people can sign.

`gather.py` reads, `lessons.py` learns and measures, `thresholds.py` and `wording.py` put it
into the text, `report.py` tells it. The learning itself is in `learning/`.
"""
