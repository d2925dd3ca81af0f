void decoder_tests() {}
