from leadloop.brokers import Brokers, Security


def test_every_client_is_told_where_and_who():
    security = Security("sasl_ssl", "SCRAM-SHA-256", "leadloop", "hunter2")

    options = Brokers("a:1,b:2", "leadloop-scoring", security).options()

    assert options.pop("ssl_context") is not None
    assert options == {
        "bootstrap_servers": "a:1,b:2",
        "client_id": "leadloop-scoring",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "leadloop",
        "sasl_plain_password": "hunter2",
    }


def test_a_plain_connection_takes_no_name():
    assert Brokers("a:1").options() == {
        "bootstrap_servers": "a:1",
        "client_id": "leadloop",
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }
