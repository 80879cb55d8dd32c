//! An Insightly to develop, test, demonstrate and measure against.
