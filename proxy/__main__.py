"""`python -m proxy`"""

from proxy.cli import run

if __name__ == "__main__":
    run()
