"""From a model in fp32 to one in int8, and what that costs and gains."""
