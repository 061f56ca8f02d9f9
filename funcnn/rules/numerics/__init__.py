"""Functions whose naive derivative is not finite, made safe."""
