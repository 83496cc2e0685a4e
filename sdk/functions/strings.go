package functions

// Lower is a string in lower case.
func Lower(c ColumnOrName) Column { return call("lower", c) }

// Upper is a string in upper case.
func Upper(c ColumnOrName) Column { return call("upper", c) }

// InitCap is a string with the first letter of each word in upper case and the
// others in lower case.
func InitCap(c ColumnOrName) Column { return call("initcap", c) }

// Trim is a string without spaces at both ends.
func Trim(c ColumnOrName) Column { return call("trim", c) }

// LTrim is a string without spaces in front.
func LTrim(c ColumnOrName) Column { return call("ltrim", c) }

// RTrim is a string without spaces behind.
func RTrim(c ColumnOrName) Column { return call("rtrim", c) }

// Length is the number of characters of a string, or of bytes of a binary.
func Length(c ColumnOrName) Column { return call("length", c) }

// Reverse is a string or an array backwards.
func Reverse(c ColumnOrName) Column { return call("reverse", c) }

// ASCII is the code of a string's first character.
func ASCII(c ColumnOrName) Column { return call("ascii", c) }

// Base64 is a binary as base64 text.
func Base64(c ColumnOrName) Column { return call("base64", c) }

// UnBase64 is base64 text as a binary.
func UnBase64(c ColumnOrName) Column { return call("unbase64", c) }

// Hex is a number or binary in hexadecimal digits.
func Hex(c ColumnOrName) Column { return call("hex", c) }

// MD5 is the MD5 digest of a binary, in hexadecimal digits.
func MD5(c ColumnOrName) Column { return call("md5", c) }

// SHA1 is the SHA-1 digest of a binary, in hexadecimal digits.
func SHA1(c ColumnOrName) Column { return call("sha1", c) }

// Substring is length characters from the 1-based position start on; a negative
// start counts from the end.
func Substring(c ColumnOrName, start, length int) Column {
	return call("substring", c, Lit(start), Lit(length))
}

// Split cuts a string where a regular expression matches. A limit above 0 is
// the most parts there may be; without one there is no limit.
func Split(c ColumnOrName, pattern string, limit ...int) Column {
	args := []ColumnOrName{c, Lit(pattern)}
	if len(limit) > 0 {
		args = append(args, Lit(limit[0]))
	}
	return call("split", args...)
}

// SplitPart is part number n, from 1, of a string cut at delimiter.
func SplitPart(c ColumnOrName, delimiter string, n int) Column {
	return call("split_part", c, Lit(delimiter), Lit(n))
}

// Concat joins strings, binaries or arrays; NULL if one of them is.
func Concat(columns ...ColumnOrName) Column { return call("concat", columns...) }

// ConcatWs joins strings with a separator between them, leaving NULLs out.
func ConcatWs(separator string, columns ...ColumnOrName) Column {
	return call("concat_ws", append([]ColumnOrName{Lit(separator)}, columns...)...)
}

// RegexpReplace replaces every match of a regular expression. $1 stands for the
// first group.
func RegexpReplace(c ColumnOrName, pattern, replacement string) Column {
	return call("regexp_replace", c, Lit(pattern), Lit(replacement))
}

// RegexpExtract is a group of the first match of a regular expression, 0 being
// the whole match; the empty string if there is no match.
func RegexpExtract(c ColumnOrName, pattern string, group int) Column {
	return call("regexp_extract", c, Lit(pattern), Lit(group))
}

// Replace replaces every occurrence of a text.
func Replace(c ColumnOrName, search, replacement string) Column {
	return call("replace", c, Lit(search), Lit(replacement))
}

// Translate replaces each character of matching by the one at the same position
// of replacement, or removes it if there is none.
func Translate(c ColumnOrName, matching, replacement string) Column {
	return call("translate", c, Lit(matching), Lit(replacement))
}

// Instr is the 1-based position of a text in a string, 0 if it is not there.
func Instr(c ColumnOrName, text string) Column { return call("instr", c, Lit(text)) }

// LPad fills a string up to length characters with pad in front, or cuts it.
func LPad(c ColumnOrName, length int, pad string) Column {
	return call("lpad", c, Lit(length), Lit(pad))
}

// RPad fills a string up to length characters with pad behind, or cuts it.
func RPad(c ColumnOrName, length int, pad string) Column {
	return call("rpad", c, Lit(length), Lit(pad))
}

// Repeat is a string n times.
func Repeat(c ColumnOrName, n int) Column { return call("repeat", c, Lit(n)) }

// FormatNumber is a number with thousands separators and so many decimal places.
func FormatNumber(c ColumnOrName, places int) Column { return call("format_number", c, Lit(places)) }

// SHA2 is the SHA-2 digest of a binary with 224, 256, 384 or 512 bits, in
// hexadecimal digits.
func SHA2(c ColumnOrName, bits int) Column { return call("sha2", c, Lit(bits)) }
