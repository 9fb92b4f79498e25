"""Where stores are read and made."""
