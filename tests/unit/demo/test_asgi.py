"""A request to an ASGI app in this process arrives whole and comes back whole."""

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from services.demo.asgi import call

app = FastAPI()


@app.post("/echo/{word}")
async def echo(word: str, request: Request) -> Response:
    return JSONResponse(
        {
            "word": word,
            "query": request.url.query,
            "header": request.headers["x-own"],
            "body": (await request.body()).decode(),
            "client": request.client.host if request.client else "",
        },
        201,
    )


async def test_path_query_headers_and_body_arrive():
    response = await call(
        app, "POST", "/echo/gr%C3%BC%C3%9F?a=1&b=2", headers=[("X-Own", "yes")], body=b"hello"
    )

    assert response.status == 201
    assert response.is_success
    assert response.json() == {
        "word": "grüß",
        "query": "a=1&b=2",
        "header": "yes",
        "body": "hello",
        "client": "127.0.0.1",
    }


async def test_an_unknown_path_is_no_success():
    response = await call(app, "GET", "/nowhere")

    assert response.status == 404
    assert not response.is_success
