package functions

// Abs is the absolute value.
func Abs(c ColumnOrName) Column { return call("abs", c) }

// Sqrt is the square root.
func Sqrt(c ColumnOrName) Column { return call("sqrt", c) }

// Exp is e to the power of a number.
func Exp(c ColumnOrName) Column { return call("exp", c) }

// Ln is the natural logarithm.
func Ln(c ColumnOrName) Column { return call("ln", c) }

// Log10 is the logarithm to base 10.
func Log10(c ColumnOrName) Column { return call("log10", c) }

// Log2 is the logarithm to base 2.
func Log2(c ColumnOrName) Column { return call("log2", c) }

// Ceil is the smallest integer that is not less.
func Ceil(c ColumnOrName) Column { return call("ceil", c) }

// Floor is the largest integer that is not greater.
func Floor(c ColumnOrName) Column { return call("floor", c) }

// Signum is -1, 0 or 1 by the sign of a number.
func Signum(c ColumnOrName) Column { return call("signum", c) }

// Sin is the sine of radians.
func Sin(c ColumnOrName) Column { return call("sin", c) }

// Cos is the cosine of radians.
func Cos(c ColumnOrName) Column { return call("cos", c) }

// Tan is the tangent of radians.
func Tan(c ColumnOrName) Column { return call("tan", c) }

// Round rounds half up to so many decimal places.
func Round(c ColumnOrName, places int) Column { return call("round", c, Lit(places)) }

// Pow is base to the power of exponent.
func Pow(base, exponent ColumnOrName) Column { return call("power", base, exponent) }

// Greatest is the greatest of several values, leaving NULLs out.
func Greatest(columns ...ColumnOrName) Column { return call("greatest", columns...) }

// Least is the least of several values, leaving NULLs out.
func Least(columns ...ColumnOrName) Column { return call("least", columns...) }

// Rand is a random number from 0 to 1 in each row; the same in each run for one seed.
func Rand(seed int64) Column { return call("rand", Lit(seed)) }

// MonotonicallyIncreasingID is a number that is different in each row and grows
// along them.
func MonotonicallyIncreasingID() Column { return call("monotonically_increasing_id") }

// Hash is a hash of several values, as an int.
func Hash(columns ...ColumnOrName) Column { return call("hash", columns...) }

// XXHash64 is a hash of several values, as a bigint.
func XXHash64(columns ...ColumnOrName) Column { return call("xxhash64", columns...) }
