"""`python -m proxy`"""

from proxy.command.cli import run

if __name__ == "__main__":
    run()
