package rewrite

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// mappingURL is the custom section that names a source map.
const mappingURL = "sourceMappingURL"

// SourceMap returns a module's file with the lines that its source map knows, as
// the .debug_line of DWARF, for stacks to show: compilers that write no DWARF
// write source maps. The section that names the map is left out.
func SourceMap(file, sourceMap []byte) (_ []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("source map: %w", recovered(r, err))
		}
	}()
	var text struct {
		Version  int      `json:"version"`
		Sources  []string `json:"sources"`
		Mappings string   `json:"mappings"`
	}
	if err := json.Unmarshal(sourceMap, &text); err != nil {
		return nil, fmt.Errorf("source map: %w", err)
	}
	if text.Version != 3 || strings.Contains(text.Mappings, ";") {
		return nil, errors.New("source map: not of version 3, or of more than one line")
	}
	l := &lines{files: text.Sources}
	rows, err := readMappings(text.Mappings, len(text.Sources))
	if err != nil {
		return nil, fmt.Errorf("source map: %w", err)
	}
	if len(rows) == 0 {
		return file, nil
	}
	out := []byte(magic)
	split(file) // which says what is wrong with it
	for r := (&reader{data: file, at: len(magic), what: "file"}); !r.done(); {
		id := r.byte()
		n := r.u32()
		begin := r.at
		s := section{id, r.bytes(n)}
		if id == secCode {
			l.sequences = bodies(s, uint32(begin), rows)
		}
		if id != secCustom || string(customName(s)) != mappingURL {
			out = appendSection(out, id, s.content)
		}
	}
	content := append(appendU32(nil, uint32(len(debugLine))), debugLine...)
	return appendSection(out, secCustom, append(content, l.program()...)), nil
}

// bodies returns the rows of each function with its end, from the beginning of the
// code section on, which is at begin in the file.
func bodies(code section, begin uint32, rows []row) (sequences [][]row) {
	r := code.reader()
	for range r.u32() {
		n := r.u32()
		from := uint32(r.at)
		r.bytes(n)
		up := from + n
		var here []row
		for ; len(rows) > 0 && rows[0].addr < begin+up; rows = rows[1:] {
			if at := rows[0]; at.addr >= begin+from {
				at.addr -= begin
				here = append(here, at)
			}
		}
		if len(here) > 0 {
			sequences = append(sequences, append(here, row{addr: up, file: here[len(here)-1].file, end: true}))
		}
	}
	return sequences
}

// readMappings reads the only line of a source map: where in the file, of which
// source, line and column, each told as the difference to the one before.
func readMappings(text string, files int) ([]row, error) {
	var rows []row
	var at [4]int64
	for segment := range strings.SplitSeq(text, ",") {
		n := 0
		for rest := segment; rest != ""; n++ {
			d, more, err := base64VLQ(rest)
			if err != nil {
				return nil, err
			}
			if rest = more; n < len(at) {
				at[n] += d
			}
		}
		if n < len(at) {
			continue // of no source
		}
		if at[0] < 0 || at[0] > math.MaxUint32 || at[1] < 0 || at[1] >= int64(files) || at[2] < 0 || at[2] >= math.MaxUint32 || at[3] < 0 || at[3] >= math.MaxUint32 {
			return nil, fmt.Errorf("%q leads nowhere", segment)
		}
		rows = append(rows, row{addr: uint32(at[0]), file: int(at[1]), line: uint32(at[2]) + 1, column: uint32(at[3]) + 1})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return int(int64(a.addr) - int64(b.addr)) })
	return rows, nil
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// base64VLQ reads a number whose digits have five bits each, the lowest first; the
// lowest bit of all is the sign.
func base64VLQ(text string) (v int64, rest string, err error) {
	for i, shift := 0, 0; i < len(text) && shift < 40; i, shift = i+1, shift+5 {
		d := strings.IndexByte(base64Digits, text[i])
		if d < 0 {
			break
		}
		v |= int64(d&31) << shift
		if d < 32 {
			if v&1 != 0 {
				return -(v >> 1), text[i+1:], nil
			}
			return v >> 1, text[i+1:], nil
		}
	}
	return 0, "", fmt.Errorf("%q is no number", text)
}
