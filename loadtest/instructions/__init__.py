"""What one request costs in instructions of the processor, and in bytecodes of the interpreter."""
