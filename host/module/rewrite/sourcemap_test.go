package rewrite

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// twoFunctions is a module whose code section's content begins at byte 23: two
// functions, whose bodies begin there at 2 and 7.
const twoFunctions = magic + "\x01\x04\x01\x60\x00\x00" + "\x03\x03\x02\x00\x00" + "\x0a\x0b\x02" + "\x04\x00\x01\x01\x0b" + "\x04\x00\x01\x01\x0b" + "\x00\x12\x10sourceMappingURLx"

func TestLinesOfASourceMap(t *testing.T) {
	begin := strings.Index(twoFunctions, "\x0a\x0b\x02") + 2
	// Relative to the code: byte 3, line 10 of a.ts; 4, line 11; 8, line 3 of b.ts.
	mappings := strings.Join([]string{vlq(begin+3) + vlq(0) + vlq(9) + vlq(4), vlq(1) + vlq(0) + vlq(1) + vlq(-4), vlq(4) + vlq(1) + vlq(-8) + vlq(0), vlq(1)}, ",")
	out, err := SourceMap([]byte(twoFunctions), []byte(`{"version":3,"sources":["a.ts","b.ts"],"names":[],"mappings":"`+mappings+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), mappingURL) {
		t.Error("the name of the source map is still there")
	}
	got := readLines(parse(out).findDebug()[debugLine], nil, nil)
	want := [][]row{
		{{3, 0, 10, 5, false}, {4, 0, 11, 1, false}, {6, 0, 11, 1, true}},
		{{8, 1, 3, 1, false}, {11, 1, 3, 1, true}},
	}
	for i, rows := range got.sequences {
		for j := range rows {
			rows[j].file = slices.Index([]string{"a.ts", "b.ts"}, got.files[rows[j].file])
		}
		if i < len(want) && fmt.Sprint(rows) != fmt.Sprint(want[i]) {
			t.Errorf("got %v, want %v", rows, want[i])
		}
	}
	if len(got.sequences) != len(want) {
		t.Errorf("got %v", got.sequences)
	}
}

// vlq writes a number as source maps have it.
func vlq(n int) (out string) {
	v := n << 1
	if n < 0 {
		v = -n<<1 | 1
	}
	for ; v >= 32; v >>= 5 {
		out += string(base64Digits[v&31|32])
	}
	return out + string(base64Digits[v])
}

func TestSourceMapsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                             "source map: ",
		`{"version":2,"mappings":"A"}`:  "not of version 3",
		`{"version":3,"mappings":"A;"}`: "more than one line",
		`{"version":3,"sources":["a"],"mappings":"AAA!"}`:       "is no number",
		`{"version":3,"sources":["a"],"mappings":"ACAA"}`:       "leads nowhere",
		`{"version":3,"sources":["a"],"mappings":"DAAA"}`:       "leads nowhere",
		`{"version":3,"sources":["a"],"mappings":"gggggggggg"}`: "is no number",
	} {
		if _, err := SourceMap([]byte(twoFunctions), []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if _, err := SourceMap([]byte("no module"), []byte(`{"version":3,"sources":["a"],"mappings":"AAAA"}`)); err == nil {
		t.Error("no module has lines")
	}
}
