"""`python -m proxy`"""

from proxy.command.entry import run

if __name__ == "__main__":
    run()
