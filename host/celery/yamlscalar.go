package celery

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// The forms of YAML 1.1 by which PyYAML tells the type of a plain scalar
// (yaml.resolver), in the order in which it tries them.
var yamlForms = []struct {
	tag  string
	form *regexp.Regexp
}{
	{"bool", regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)},
	{"float", regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)},
	{"int", regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+` +
		`|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)},
	{"null", regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)},
	{"timestamp", yamlTimestamp},
}

var yamlTimestamp = regexp.MustCompile(`^([0-9]{4})-([0-9][0-9]?)-([0-9][0-9]?)` +
	`(?:(?:[Tt]|[ \t]+)([0-9][0-9]?):([0-9][0-9]):([0-9][0-9])(?:\.([0-9]*))?(?:[ \t]*(Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?)?$`)

// appendYAMLScalar appends a scalar as the type that its form says, or as text.
func appendYAMLScalar(dst []byte, text string, plain bool) []byte {
	if plain && len(text) <= MaxDigits {
		for _, f := range yamlForms {
			if f.form.MatchString(text) {
				if out, ok := appendYAMLAs(dst, f.tag, text); ok {
					return out
				}
			}
		}
	}
	return AppendString(dst, text)
}

// appendYAMLAs appends text as a value of a type, and false if it is none.
func appendYAMLAs(dst []byte, tag, text string) ([]byte, bool) {
	switch tag {
	case "null":
		return append(dst, "null"...), true
	case "bool":
		switch strings.ToLower(text) {
		case "yes", "true", "on":
			return append(dst, "true"...), true
		case "no", "false", "off":
			return append(dst, "false"...), true
		}
		return dst, false
	case "int":
		return appendYAMLInt(dst, text)
	case "float":
		f, ok := yamlFloat(text)
		if !ok {
			return dst, false
		}
		return pyfloat.AppendJSON(dst, f), true
	case "timestamp":
		return appendYAMLTime(dst, text)
	}
	return dst, false
}

// appendYAMLInt reads an integer of any size: decimal, 0b binary, 0 octal, 0x
// hexadecimal, or sexagesimal as in 1:30.
func appendYAMLInt(dst []byte, text string) ([]byte, bool) {
	text = strings.ReplaceAll(text, "_", "")
	digits := strings.TrimLeft(text, "+-")
	n, ok := new(big.Int), true
	switch {
	case digits == "":
		return dst, false
	case strings.HasPrefix(digits, "0b"):
		n, ok = n.SetString(digits[2:], 2)
	case strings.HasPrefix(digits, "0x"):
		n, ok = n.SetString(digits[2:], 16)
	case digits[0] == '0' && len(digits) > 1:
		n, ok = n.SetString(digits, 8)
	default:
		for part := range strings.SplitSeq(digits, ":") {
			d, good := new(big.Int).SetString(part, 10)
			if !good {
				return dst, false
			}
			n.Add(n.Mul(n, big.NewInt(60)), d)
		}
	}
	if !ok {
		return dst, false
	}
	if text[0] == '-' {
		n.Neg(n)
	}
	return n.Append(dst, 10), true
}

func yamlFloat(text string) (float64, bool) {
	text = strings.ToLower(strings.ReplaceAll(text, "_", ""))
	sign := 1.0
	if strings.HasPrefix(text, "-") {
		sign = -1
	}
	text = strings.TrimLeft(text, "+-")
	switch text {
	case ".inf":
		return math.Inf(int(sign)), true
	case ".nan":
		return math.NaN(), true
	}
	sum := 0.0
	for part := range strings.SplitSeq(text, ":") {
		f, err := strconv.ParseFloat(part, 64)
		if err != nil && !math.IsInf(f, 0) {
			return 0, false
		}
		sum = sum*60 + f
	}
	return sign * sum, true
}

// appendYAMLTime appends a date, or a datetime in Python's isoformat.
func appendYAMLTime(dst []byte, text string) ([]byte, bool) {
	m := yamlTimestamp.FindStringSubmatch(text)
	if m == nil {
		return dst, false
	}
	pad := func(s string) string { return strings.Repeat("0", max(0, 2-len(s))) + s }
	day := m[1] + "-" + pad(m[2]) + "-" + pad(m[3])
	kind, iso := "date", day
	if m[4] != "" {
		kind = "datetime"
		iso += "T" + pad(m[4]) + ":" + m[5] + ":" + m[6]
		if fraction := (m[7] + "000000")[:6]; fraction != "000000" {
			iso += "." + fraction
		}
		switch zone := m[8]; {
		case zone == "Z":
			iso += "+00:00"
		case zone != "":
			hours, minutes, _ := strings.Cut(zone[1:], ":")
			iso += zone[:1] + pad(hours) + ":" + pad(minutes)
		}
	}
	if _, err := ParseTime(iso); err != nil {
		return dst, false
	}
	return appendSpecial(dst, kind, iso), true
}
