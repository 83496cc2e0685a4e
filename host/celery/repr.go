package celery

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// ReprLimit is how long Celery lets the text of arguments and results get.
const ReprLimit = 1024

// scalar returns how Python prints a number or literal, or false for strings,
// arrays and objects.
func scalar(raw []byte) (string, bool) {
	if len(raw) == 0 {
		return "None", true
	}
	switch raw[0] {
	case '"', '[', '{':
		return "", false
	case 'n':
		return "None", true
	case 't':
		return "True", true
	case 'f':
		return "False", true
	case 'N':
		return "nan", true
	}
	isInt := true
	for _, c := range raw {
		if !digit(c) && c != '-' {
			isInt = false
		}
	}
	if isInt {
		if string(raw) == "-0" {
			return "0", true
		}
		return string(raw), true
	}
	// An overflow gives the infinity that Python gives, so the error is moot.
	f, _ := strconv.ParseFloat(string(raw), 64)
	return string(pyfloat.AppendRepr(nil, f)), true
}

// Repr returns how Python prints the value that it reads from raw: repr(). A
// value that is not JSON is printed as it is.
func Repr(raw json.RawMessage) string {
	if Valid(raw) != nil {
		return string(raw)
	}
	return string(appendRepr(nil, raw))
}

func appendRepr(dst []byte, raw []byte) []byte {
	raw = trim(raw)
	if s, ok := scalar(raw); ok {
		return append(dst, s...)
	}
	switch raw[0] {
	case '"':
		return appendStringRepr(dst, raw)
	case '[':
		dst = append(dst, '[')
		first := true
		_ = eachElement(raw, func(v json.RawMessage) bool { // checked before
			if !first {
				dst = append(dst, ", "...)
			}
			first = false
			dst = appendRepr(dst, v)
			return true
		})
		return append(dst, ']')
	}
	members, _ := Members(raw) // checked before
	if s, ok := specialOf(members); ok {
		return append(dst, s.repr()...)
	}
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendStringRepr(dst, m.raw)
		dst = append(dst, ": "...)
		dst = appendRepr(dst, m.Value)
	}
	return append(dst, '}')
}

// appendStringRepr appends the repr of a str: in double quotes only when it
// holds single ones alone, with escapes for all that is not printable.
func appendStringRepr(dst, quoted []byte) []byte {
	quote := '\''
	eachRune(quoted, func(r rune) bool {
		if r == '"' {
			quote = '\''
			return false
		}
		if r == '\'' {
			quote = '"'
		}
		return true
	})
	dst = append(dst, byte(quote))
	eachRune(quoted, func(r rune) bool {
		switch {
		case r == quote || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ' || r == 0x7f || r > 0x7f && r <= 0xff && !unicode.IsPrint(r):
			dst = append(dst, '\\', 'x', hexDigits[r>>4&15], hexDigits[r&15])
		case r < 0x7f || unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		case r <= 0xffff:
			dst = appendEscape(dst, r)
		default:
			dst = append(dst, `\U`...)
			for shift := 28; shift >= 0; shift -= 4 {
				dst = append(dst, hexDigits[r>>shift&15])
			}
		}
		return true
	})
	return append(dst, byte(quote))
}

// SafeRepr returns the value as Celery prints it in events and headers: repr
// with simpler strings, cut at about limit characters and below the third level.
// Only as much of raw is read as is printed. A limit of zero means none.
func SafeRepr(raw json.RawMessage, limit int) string {
	p := newPrinter(limit)
	p.value(raw, 0)
	return string(p.out)
}

// ArgsRepr is [SafeRepr] of positional arguments, which Python holds in a tuple.
func ArgsRepr(args []json.RawMessage, limit int) string {
	p := newPrinter(limit)
	if p.token("(") {
		for i, a := range args {
			if i > 0 && !p.token(", ") || !p.value(a, 1) {
				break
			}
		}
		if len(args) == 1 {
			p.closer(",)")
		} else {
			p.closer(")")
		}
	}
	return string(p.out)
}

// KwargsRepr is [SafeRepr] of keyword arguments.
func KwargsRepr(kwargs Object, limit int) string {
	p := newPrinter(limit)
	p.object(kwargs, 0)
	return string(p.out)
}

// printer writes the tokens of a value until the limit is reached. After that
// only the closers of what is open are written.
type printer struct {
	out     []byte
	left    int // characters until the limit
	limited bool
}

func newPrinter(limit int) *printer { return &printer{left: limit, limited: limit > 0} }

const safeReprLevels = 3

// spent says that the limit is reached, and marks what is left out.
func (p *printer) spent() bool {
	if p.limited && p.left <= 0 {
		p.out = append(p.out, ", ..."...)
		return true
	}
	return false
}

// token writes s and reports whether there was room for it.
func (p *printer) token(s string) bool {
	if p.spent() {
		return false
	}
	p.out = append(p.out, s...)
	p.left -= utf8.RuneCountInString(s)
	return true
}

// closer is written in any case: it ends what was shown.
func (p *printer) closer(s string) {
	full := p.limited && p.left <= 0
	p.out = append(p.out, s...)
	if !full {
		p.left -= utf8.RuneCountInString(s)
	}
}

// truncated is token for text that may be cut at its last space.
func (p *printer) truncated(s string) bool {
	if p.spent() {
		return false
	}
	return p.token(p.cut(s))
}

func (p *printer) cut(s string) string {
	if !p.limited || len(s) < p.left { // bytes are never fewer than characters
		return s
	}
	runes := 0
	for i := range s {
		if runes == p.left {
			return beforeSpace(s[:i]) + "..."
		}
		runes++
	}
	if runes == p.left {
		return beforeSpace(s) + "..."
	}
	return s
}

func beforeSpace(s string) string {
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		return s[:i]
	}
	return s
}

func (p *printer) quoted(quoted []byte) bool {
	if p.spent() {
		return false
	}
	limit := len(quoted)
	if p.limited {
		limit = min(limit, p.left+1)
	}
	text := make([]byte, 0, limit)
	runes := 0
	eachRune(quoted, func(r rune) bool {
		text = utf8.AppendRune(text, r)
		runes++
		return !p.limited || runes <= p.left
	})
	return p.token("'" + strings.ReplaceAll(p.cut(string(text)), "'", `\'`) + "'")
}

// value writes raw and reports whether the limit left room for more.
func (p *printer) value(raw []byte, level int) bool {
	raw = trim(raw)
	if s, ok := scalar(raw); ok {
		return p.truncated(s)
	}
	switch raw[0] {
	case '"':
		if end, err := skipString(raw, 0); err != nil || end != len(raw) {
			return p.truncated(string(raw))
		}
		return p.quoted(raw)
	case '[':
		if level >= safeReprLevels {
			return p.token("[...]")
		}
		if !p.token("[") {
			return false
		}
		room, first := true, true
		err := eachElement(raw, func(v json.RawMessage) bool {
			room = (first || p.token(", ")) && p.value(v, level+1)
			first = false
			return room
		})
		p.closer("]")
		return room && err == nil
	default:
		if level >= safeReprLevels {
			if s, ok := special(raw); ok {
				return p.specialValue(s)
			}
			return p.token("{...}")
		}
		members, err := Members(raw)
		if err != nil {
			return p.truncated(string(raw))
		}
		if s, ok := specialOf(members); ok {
			return p.specialValue(s)
		}
		return p.object(members, level)
	}
}

func (p *printer) specialValue(s specialValue) bool {
	if s.kind != "bytes" {
		return p.truncated(s.repr())
	}
	if p.spent() {
		return false
	}
	data, ellipsis := s.data, ""
	if p.limited && len(data) > p.left {
		data, ellipsis = data[:p.left], "..."
	}
	if utf8.Valid(data) {
		return p.token("b'" + string(data) + ellipsis + "'")
	}
	out := []byte("b'")
	for _, c := range data {
		out = append(out, hexDigits[c>>4], hexDigits[c&15])
	}
	return p.token(string(out) + ellipsis + "'")
}

func (p *printer) object(members Object, level int) bool {
	if !p.token("{") {
		return false
	}
	room := true
	for i, m := range members {
		key := m.raw
		if key == nil {
			key = Quote(m.Key)
		}
		room = (i == 0 || p.token(", ")) && p.quoted(key) && p.token(": ") && p.value(m.Value, level+1)
		if !room {
			break
		}
	}
	p.closer("}")
	return room
}
