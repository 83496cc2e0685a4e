package sqltext

import (
	"slices"
	"testing"
)

func TestScannerTellsTokensAndTheirPlaces(t *testing.T) {
	tests := []struct {
		text string
		want []string // tokens as they stand in the text
	}{
		{"", nil},
		{"  SELECT a1 ", []string{"SELECT", "a1"}},
		{"f(x)||'it''s'", []string{"f", "(", "x", ")", "|", "|", "'it'", "'s'"}},
		{"a -- f(b)\n+ /* f(/* c */) */ `f(`", []string{"a", "+", "`f(`"}},
		{`r'\' f`, []string{`r'\'`, "f"}},
		{`"a\"b" größe`, []string{`"a\"b"`, "größe"}},
		{"'open", []string{"'open"}},
	}
	for _, tt := range tests {
		s := New(tt.text)
		var got []string
		for tok := s.Next(); tok != ""; tok = s.Next() {
			got = append(got, tt.text[s.Start():s.End()])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("tokens of %q are %q; want %q", tt.text, got, tt.want)
		}
		if s.Next() != "" || s.Start() != len(tt.text) {
			t.Errorf("%q goes on behind its end, at %d", tt.text, s.Start())
		}
	}
}
