"""The check of helm test: the exporter is ready, and its main port serves the metrics or asks who is there."""

import http.client
import ssl
import sys
import time
import urllib.error
import urllib.request

GUARDED = {401: "a password is needed", 429: "rate_limit is reached"}


def ask(url: str) -> http.client.HTTPResponse | urllib.error.HTTPError:
    """Return the answer, to be read and closed. Raises OSError, URLError among them."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # which certificate it shows is Prometheus' matter
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=5, context=tls)
    except urllib.error.HTTPError as error:
        return error
    return answer


def wait_until_ready(url: str, seconds: float = 90) -> None:
    """Return once the exporter is ready; exit if it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with ask(url) as answer:
                status, text = answer.status, answer.read().decode()
        except OSError as error:
            status, text = 0, str(error)
        if status == 200:
            print(f"{url}: ready")
            return
        if time.monotonic() > deadline:
            sys.exit(f"{url} is not ready after {seconds:g} s: {status or ''} {text}")
        time.sleep(1)


def look_at(url: str) -> None:
    """Exit unless there are metrics, or something that guards them."""
    lines, first, is_ours = 0, "", False
    try:
        with ask(url) as answer:
            for line in answer:  # one by one, since all that a large fleet has would not fit into this pod
                lines += 1
                first = first or line.decode(errors="replace")
                is_ours = is_ours or line.startswith(b"yunfu_exporter_build_info{")
    except OSError as error:
        if not (url.startswith("https:") and isinstance(error, (ConnectionResetError, ssl.SSLError))):
            sys.exit(f"{url}: {error}")
        print(f"{url}: closed after the handshake, as is done where a client certificate is needed")
        return
    if answer.status in GUARDED:
        print(f"{url}: {GUARDED[answer.status]}")
    elif answer.status == 200 and is_ours:
        print(f"{url}: {lines} lines")
    else:
        sys.exit(f"{url}: {answer.status}, and no metrics of the exporter: {first[:200]}")


if __name__ == "__main__":
    wait_until_ready(sys.argv[1])
    look_at(sys.argv[2])
