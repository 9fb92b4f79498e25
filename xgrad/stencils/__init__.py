"""Steps between cells → the weights of finite differences."""
