package beat

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	dayNames   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
)

// expand is the values of one field: a number, a list of numbers, or a text
// such as "*", "*/15", "1,13,30-45,50-59/2" or "mon-fri". They are from min on,
// count of them at most.
func expand(spec json.RawMessage, count, min int) ([]int, error) {
	var values []int
	var one int
	var text string
	switch {
	case json.Unmarshal(spec, &text) == nil && string(spec) != "null":
		for part := range strings.SplitSeq(text, ",") {
			more, err := expandPart(part, count, min)
			if err != nil {
				return nil, err
			}
			values = append(values, more...)
		}
	case json.Unmarshal(spec, &one) == nil && string(spec) != "null":
		values = []int{one}
	default:
		if err := json.Unmarshal(spec, &values); err != nil {
			return nil, errors.New(`it must be a number, a list of numbers or a text such as "*/15"`)
		}
	}
	if len(values) == 0 {
		return nil, errors.New("it names no time")
	}
	slices.Sort(values)
	values = slices.Compact(values)
	for _, v := range values {
		if v < min || v >= min+count {
			return nil, fmt.Errorf("%d is not between %d and %d", v, min, min+count-1)
		}
	}
	return values, nil
}

// The forms of a part, tried in this order. Like Celery's they match its
// beginning, so that what follows a step is ignored.
var (
	rangeSteps = regexp.MustCompile(`^(\w+?)-(\w+)/(\w+)?`)
	plainRange = regexp.MustCompile(`^(\w+?)-(\w+)`)
	starSteps  = regexp.MustCompile(`^\*/(\w+)?`)
)

func expandPart(part string, count, min int) ([]int, error) {
	if part == "" {
		return nil, errors.New("a part is empty")
	}
	all := func() []int {
		out := make([]int, count)
		for i := range out {
			out[i] = min + i
		}
		return out
	}
	if m := rangeSteps.FindStringSubmatch(part); m != nil {
		values, err := expandRange(m[1], m[2], count, min)
		if err != nil {
			return nil, err
		}
		return every(values, m[3])
	}
	if m := plainRange.FindStringSubmatch(part); m != nil {
		return expandRange(m[1], m[2], count, min)
	}
	if m := starSteps.FindStringSubmatch(part); m != nil {
		return every(all(), m[1])
	}
	if part == "*" {
		return all(), nil
	}
	n, err := expandNumber(part, count, min)
	return []int{n}, err
}

// expandRange goes around the end where the second is less than the first.
func expandRange(first, last string, count, min int) ([]int, error) {
	from, err := expandNumber(first, count, min)
	if err != nil {
		return nil, err
	}
	to, err := expandNumber(last, count, min)
	if err != nil {
		return nil, err
	}
	var out []int
	if to < from {
		for n := from; n < min+count; n++ {
			out = append(out, n)
		}
		from = min
	}
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out, nil
}

func every(values []int, step string) ([]int, error) {
	n, err := strconv.Atoi(step)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("step %q is not a number above zero", step)
	}
	var out []int
	for i := 0; i < len(values); i += n {
		out = append(out, values[i])
	}
	return out, nil
}

// expandNumber reads a number or the name of a month or a weekday, of which the
// first three letters count. Celery takes either in any field.
func expandNumber(text string, count, min int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		short := strings.ToLower(text)
		if len(short) > 3 {
			short = short[:3]
		}
		if at := slices.Index(monthNames, short); at >= 0 {
			n = at + 1
		} else if n = slices.Index(dayNames, short); n < 0 {
			return 0, fmt.Errorf("%q is no number, weekday or month", text)
		}
	}
	if n < min || n >= min+count {
		return 0, fmt.Errorf("%d is not between %d and %d", n, min, min+count-1)
	}
	return n, nil
}
