package spark

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

func TestLiteralsOfEveryType(t *testing.T) {
	for _, c := range []struct{ ddl, value, want string }{
		{"boolean", "true", `{"boolean":true}`},
		{"tinyint", "-128", `{"byte":-128}`},
		{"smallint", "1", `{"short":1}`},
		{"INT", "1", `{"integer":1}`},
		{"bigint", "9223372036854775807", `{"long":"9223372036854775807"}`},
		{"float", "0.5", `{"float":0.5}`},
		{"double", `"-Infinity"`, `{"double":"-Infinity"}`},
		{"double", "NaN", `{"double":"NaN"}`},
		{"decimal(5,2)", "1.5", `{"decimal":{"value":"1.50","precision":5,"scale":2}}`},
		{"numeric(5)", `"-12."`, `{"decimal":{"value":"-12.","precision":5,"scale":0}}`},
		{"decimal(3,1)", `7`, `{"decimal":{"value":"7.0","precision":3,"scale":1}}`},
		{"string", `"a\"b"`, `{"string":"a\"b"}`},
		{"binary", `"AP8="`, `{"binary":"AP8="}`},
		{"date", `"1969-12-31"`, `{"date":-1}`},
		{"date", `"2026-01-02T23:00:00-05:00"`, `{"date":20455}`},
		{"timestamp", `"1970-01-01T01:00:00.000001+01:00"`, `{"timestamp":"1"}`},
		{"timestamp_ntz", `"1970-01-01T00:00:01"`, `{"timestampNtz":"1000000"}`},
		{"timestamp_ntz", `"1970-01-01T00:00:01+01:00"`, `{"timestampNtz":"1000000"}`},
		{"timestamp_ntz(9)", `"1969-12-31T23:59:59.123456789"`, `{"timestampNtzNanos":{"epochMicros":"-876544","nanosWithinMicro":789,"precision":9}}`},
		{"timestamp_ltz(7)", `"1970-01-01T01:00:00.0000011+01:00"`, `{"timestampLtzNanos":{"epochMicros":"1","nanosWithinMicro":100,"precision":7}}`},
		{"timestamp_ntz(6)", `"1970-01-01T00:00:01"`, `{"timestampNtz":"1000000"}`},
		{"time(3)", `"00:00:01.5"`, `{"time":{"nano":"1500000000","precision":3}}`},
		{"interval day to second", "-5", `{"dayTimeInterval":"-5"}`},
		{"interval year to month", "14", `{"yearMonthInterval":14}`},
		{"interval", "[1,2,3]", `{"calendarInterval":{"months":1,"days":2,"microseconds":"3"}}`},
		{"array<int>", "[]", `{"array":{"elementType":{"integer":{}}}}`},
		{"map<string,int>", `[["a",null]]`, `{"map":{"keyType":{"string":{}},"valueType":{"integer":{}},"keys":[{"string":"a"}],"values":[{"null":{"integer":{}}}]}}`},
		{"struct<a: int not null, `b c` string>", `[1,"x"]`, `{"struct":{"structType":{"struct":{"fields":[{"name":"a","dataType":{"integer":{}}},` +
			`{"name":"b c","dataType":{"string":{}},"nullable":true}]}},"elements":[{"integer":1},{"string":"x"}]}}`},
		{"void", "null", `{"null":{"null":{}}}`},
	} {
		e := render(t, Literal(c.ddl, []byte(c.value)))
		if got := message(t, e.GetLiteral()); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.ddl, c.value, got, c.want)
		}
	}
	for _, c := range []struct{ ddl, value, want string }{
		{"nothing", "1", `the type "nothing": a type such as`},
		{"array<int", "[]", `> is expected where its end is`},
		{"decimal(5,2", "1", `) is expected`},
		{"int int", "1", `an end is expected where int is`},
		{"timestamp_ntz(10)", "null", "timestamp_ntz has from 6 to 9 digits behind the point, not 10"},
		{"timestamp_ltz(", "null", "a number is expected"},
		{"interval second to day", "1", `a smaller unit is expected where day is`},
		{strings.Repeat("array<", 300), "1", "nested more than 200 levels"},
		{"int", "1.5", "1.5 is no integer of 32 bits"},
		{"tinyint", "128", "128 is no integer of 8 bits"},
		{"boolean", "1", "1 is no true or false"},
		{"double", `"x"`, `"x" is no number of 64 bits`},
		{"decimal(3,2)", "10", "10 has more digits than the type"},
		{"decimal(3,2)", "1e5", "1e5 is no decimal number"},
		{"decimal(3,2)", `"."`, ". is no decimal number"},
		{"binary", `"!"`, "illegal base64"},
		{"date", `"yesterday"`, `"yesterday" does not look like 2006-01-02`},
		{"timestamp", `"2026-01-02"`, `does not look like 2006-01-02T15:04:05.999999999Z07:00`},
		{"interval", "[1]", "no array of months, days and microseconds"},
		{"map<int,int>", "[[1]]", "pair 0: [1] is no key with a value"},
		{"map<int,int>", "[[1,2,3]]", "3 values are too many"},
		{"struct<a:int>", "[]", "0 values for 1 fields"},
		{"array<int>", `[1,"x"]`, `element 1: "x" is no integer`},
		{"variant", "1", "a type such as"},
	} {
		if err := Literal(c.ddl, []byte(c.value)).fault(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: got %v, want %s", c.ddl, c.value, err, c.want)
		}
	}
}

// TestTypesAreReadAsTheyAreWritten holds parser and writer of DDL together.
func TestTypesAreReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{
		"void", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "decimal(10,2)", "string", "binary", "date", "timestamp",
		"timestamp_ntz", "timestamp_ntz(9)", "timestamp_ltz(7)", "time(6)", "time(0)", "interval", "interval year", "interval month", "interval year to month", "interval day",
		"interval hour to second", "array<array<int>>", "map<string,array<double>>", "struct<a:int,`b c`:struct<`d``e`:date>>", "struct<>",
	} {
		parsed, err := parseType(text)
		if err != nil || ddl(parsed) != text {
			t.Errorf("%s: got %s, %v", text, ddl(parsed), err)
		}
	}
}

func FuzzParseType(f *testing.F) {
	f.Add("struct<a:array<decimal(10,2)>,`b`:interval day to second>")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseType(text)
		if err != nil {
			return
		}
		written := ddl(parsed)
		again, err := parseType(written)
		if err != nil || ddl(again) != written {
			t.Errorf("%q is read as %s, and that as %s, %v", text, written, ddl(again), err)
		}
	})
}

func render(t *testing.T, c *Column) *sparkpb.Expression {
	t.Helper()
	if err := c.fault(); err != nil {
		t.Fatal(err)
	}
	return c.build(&renderer{})
}

// message is a message as JSON without the spaces, which vary.
func message(t *testing.T, m *sparkpb.Expression_Literal) string {
	t.Helper()
	data, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`": `, `":`, `, "`, `,"`, "}, {", "},{").Replace(string(data))
}
