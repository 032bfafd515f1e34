class BaseMessage:
    role = ""

    def __init__(self, content: str) -> None:
        self.content = content


class HumanMessage(BaseMessage):
    role = "user"


class SystemMessage(BaseMessage):
    role = "system"


class AIMessage(BaseMessage):
    role = "assistant"

    def __repr__(self) -> str:
        return f"AIMessage(content={self.content!r})"
