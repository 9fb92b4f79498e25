"""From the steps between cells to the weights of finite differences."""
