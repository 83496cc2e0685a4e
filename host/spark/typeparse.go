package spark

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// simpleType returns the type that a word alone names, or nil.
func simpleType(word string) *sparkpb.DataType {
	switch word {
	case "void":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Null{Null: &sparkpb.DataType_NULL{}}}
	case "boolean":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Boolean_{Boolean: &sparkpb.DataType_Boolean{}}}
	case "tinyint", "byte":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Byte_{Byte: &sparkpb.DataType_Byte{}}}
	case "smallint", "short":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Short_{Short: &sparkpb.DataType_Short{}}}
	case "int", "integer":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Integer_{Integer: &sparkpb.DataType_Integer{}}}
	case "bigint", "long":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Long_{Long: &sparkpb.DataType_Long{}}}
	case "float", "real":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Float_{Float: &sparkpb.DataType_Float{}}}
	case "double":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Double_{Double: &sparkpb.DataType_Double{}}}
	case "string":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_String_{String_: &sparkpb.DataType_String{}}}
	case "binary":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Binary_{Binary: &sparkpb.DataType_Binary{}}}
	case "date":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Date_{Date: &sparkpb.DataType_Date{}}}
	case "timestamp", "timestamp_ltz":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_Timestamp_{Timestamp: &sparkpb.DataType_Timestamp{}}}
	case "timestamp_ntz":
		return &sparkpb.DataType{Kind: &sparkpb.DataType_TimestampNtz{TimestampNtz: &sparkpb.DataType_TimestampNTZ{}}}
	}
	return nil
}

// dataType reads a type that is nested so many levels deep.
func (p *typeParser) dataType(level int) (*sparkpb.DataType, error) {
	if level > MaxDepth {
		return nil, fmt.Errorf("%w: a type is nested more than %d levels deep", ErrPlanLimit, MaxDepth)
	}
	word := strings.ToLower(p.peek())
	if t := simpleType(word); t != nil {
		p.next()
		if strings.HasPrefix(word, "timestamp_") && p.peek() == "(" {
			return p.nanos(word == "timestamp_ntz")
		}
		return t, nil
	}
	switch word {
	case "decimal", "dec", "numeric":
		p.next()
		return p.decimal()
	case "time":
		p.next()
		return p.time()
	case "interval":
		p.next()
		return p.interval()
	case "array":
		p.next()
		return p.array(level)
	case "map":
		p.next()
		return p.mapType(level)
	case "struct":
		p.next()
		return p.structType(level)
	}
	return nil, p.fault("a type such as bigint, decimal(10,2), timestamp, array<int> or struct<a:int>")
}

func (p *typeParser) decimal() (*sparkpb.DataType, error) {
	precision, scale := int32(10), int32(0)
	if p.take("(") {
		var err error
		if precision, err = p.number(); err == nil && p.take(",") {
			scale, err = p.number()
		}
		if err == nil {
			err = p.want(")")
		}
		if err != nil {
			return nil, err
		}
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_Decimal_{Decimal: &sparkpb.DataType_Decimal{Precision: &precision, Scale: &scale}}}, nil
}

// precision reads the number in parentheses behind a type.
func (p *typeParser) precision() (int32, error) {
	if err := p.want("("); err != nil {
		return 0, err
	}
	n, err := p.number()
	if err == nil {
		err = p.want(")")
	}
	return n, err
}

// nanos reads the number of digits of a timestamp that is finer than
// microseconds, or is just one of those.
func (p *typeParser) nanos(ntz bool) (*sparkpb.DataType, error) {
	name := "timestamp_ltz"
	if ntz {
		name = "timestamp_ntz"
	}
	digits, err := p.precision()
	switch {
	case err != nil:
		return nil, err
	case digits == 6:
		return simpleType(name), nil
	case digits < 7 || digits > 9:
		return nil, fmt.Errorf("the type %q: %s has from 6 to 9 digits behind the point, not %d", oneLine(p.text), name, digits)
	case ntz:
		return &sparkpb.DataType{Kind: &sparkpb.DataType_TimestampNtzNanos{TimestampNtzNanos: &sparkpb.DataType_TimestampNTZNanos{Precision: &digits}}}, nil
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_TimestampLtzNanos{TimestampLtzNanos: &sparkpb.DataType_TimestampLTZNanos{Precision: &digits}}}, nil
}

func (p *typeParser) time() (*sparkpb.DataType, error) {
	precision := int32(6)
	if p.peek() == "(" {
		var err error
		if precision, err = p.precision(); err != nil {
			return nil, err
		}
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_Time_{Time: &sparkpb.DataType_Time{Precision: &precision}}}, nil
}

// The units of intervals, in the order of their numbers in the protocol.
var (
	yearMonth = []string{"year", "month"}
	dayTime   = []string{"day", "hour", "minute", "second"}
)

func (p *typeParser) interval() (*sparkpb.DataType, error) {
	from := strings.ToLower(p.peek())
	units := yearMonth
	if slices.Contains(dayTime, from) {
		units = dayTime
	}
	start := slices.Index(units, from)
	if start < 0 {
		return &sparkpb.DataType{Kind: &sparkpb.DataType_CalendarInterval_{CalendarInterval: &sparkpb.DataType_CalendarInterval{}}}, nil
	}
	p.next()
	end := start
	if p.take("to") {
		if end = slices.Index(units, strings.ToLower(p.peek())); end <= start {
			return nil, p.fault("a smaller unit")
		}
		p.next()
	}
	first, last := int32(start), int32(end)
	if units[0] == "year" {
		return &sparkpb.DataType{Kind: &sparkpb.DataType_YearMonthInterval_{
			YearMonthInterval: &sparkpb.DataType_YearMonthInterval{StartField: &first, EndField: &last},
		}}, nil
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_DayTimeInterval_{
		DayTimeInterval: &sparkpb.DataType_DayTimeInterval{StartField: &first, EndField: &last},
	}}, nil
}

func (p *typeParser) array(level int) (*sparkpb.DataType, error) {
	if err := p.want("<"); err != nil {
		return nil, err
	}
	element, err := p.dataType(level + 1)
	if err == nil {
		err = p.want(">")
	}
	if err != nil {
		return nil, err
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_Array_{Array: &sparkpb.DataType_Array{ElementType: element, ContainsNull: true}}}, nil
}

func (p *typeParser) mapType(level int) (*sparkpb.DataType, error) {
	if err := p.want("<"); err != nil {
		return nil, err
	}
	key, err := p.dataType(level + 1)
	if err == nil {
		err = p.want(",")
	}
	if err != nil {
		return nil, err
	}
	value, err := p.dataType(level + 1)
	if err == nil {
		err = p.want(">")
	}
	if err != nil {
		return nil, err
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_Map_{Map: &sparkpb.DataType_Map{KeyType: key, ValueType: value, ValueContainsNull: true}}}, nil
}

func (p *typeParser) structType(level int) (*sparkpb.DataType, error) {
	if err := p.want("<"); err != nil {
		return nil, err
	}
	fields := &sparkpb.DataType_Struct{}
	for !p.take(">") {
		if len(fields.Fields) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		field, err := p.field(level)
		if err != nil {
			return nil, err
		}
		fields.Fields = append(fields.Fields, field)
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_Struct_{Struct: fields}}, nil
}

func (p *typeParser) field(level int) (*sparkpb.DataType_StructField, error) {
	name := p.peek()
	if name == "" || name[0] != '`' && !isWordByte(name[0]) {
		return nil, p.fault("a field's name")
	}
	p.next()
	if name[0] == '`' {
		if len(name) < 2 || name[len(name)-1] != '`' {
			return nil, fmt.Errorf("the type %q: a backtick is missing", oneLine(p.text))
		}
		name = strings.ReplaceAll(name[1:len(name)-1], "``", "`")
	}
	p.take(":")
	t, err := p.dataType(level + 1)
	if err != nil {
		return nil, err
	}
	nullable := true
	if p.take("not") {
		nullable = false
		err = p.want("null")
	}
	return &sparkpb.DataType_StructField{Name: name, DataType: t, Nullable: nullable}, err
}

// parseType reads a type in DDL form, such as "array<decimal(10,2)>".
func parseType(text string) (*sparkpb.DataType, error) {
	p := &typeParser{text: text, rest: text}
	t, err := p.dataType(1)
	if err == nil && p.peek() != "" {
		err = p.fault("an end")
	}
	return t, err
}

type typeParser struct{ text, rest string }

func (p *typeParser) fault(wanted string) error {
	found := p.peek()
	if found == "" {
		found = "its end"
	}
	return fmt.Errorf("the type %q: %s is expected where %s is", oneLine(p.text), wanted, found)
}

// peek returns the next word, number or character, as it is written.
func (p *typeParser) peek() string {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		return ""
	}
	if p.rest[0] == '`' {
		end := skipQuoted(p.rest, 0)
		for end < len(p.rest) && p.rest[end] == '`' { // a doubled one is part of the name
			end = skipQuoted(p.rest, end)
		}
		return p.rest[:end]
	}
	end := 0
	for end < len(p.rest) && isWordByte(p.rest[end]) {
		end++
	}
	return p.rest[:max(end, 1)]
}

func (p *typeParser) next() string {
	word := p.peek()
	p.rest = p.rest[len(word):]
	return word
}

// take skips the next word if it is the given one, whatever its case.
func (p *typeParser) take(word string) bool {
	if !strings.EqualFold(p.peek(), word) {
		return false
	}
	p.next()
	return true
}

func (p *typeParser) want(word string) error {
	if !p.take(word) {
		return p.fault(word)
	}
	return nil
}

func (p *typeParser) number() (int32, error) {
	n, err := strconv.ParseInt(p.peek(), 10, 32)
	if err != nil {
		return 0, p.fault("a number")
	}
	p.next()
	return int32(n), nil
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// skipQuoted returns where the text goes on after a quotation.
func skipQuoted(text string, start int) int {
	quote := text[start]
	for i := start + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quote != '`':
			i++
		case c == quote:
			return i + 1
		}
	}
	return len(text)
}
