"""What the same model would be without its pooling, without strides, or with other layers."""
