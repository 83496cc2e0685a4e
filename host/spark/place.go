package spark

import (
	"regexp"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// At names the place of an expression, as in "argument 1 of slug(title string)":
// what Spark says against the expression itself begins with it. An expression that
// has a place keeps it.
func (c *Column) At(place string) *Column {
	if c.fault() != nil {
		return c
	}
	out := *c
	out.build = func(r *renderer) *sparkpb.Expression {
		e := c.build(r)
		if e.Common == nil {
			// Spark's messages have both, as they have the line of a Python program.
			e.Common = &sparkpb.ExpressionCommon{Origin: &sparkpb.Origin{Function: &sparkpb.Origin_PythonOrigin{
				PythonOrigin: &sparkpb.PythonOrigin{Fragment: place, CallSite: placeMark},
			}}}
		}
		return e
	}
	return &out
}

// placeMark tells the places of [Column.At] in a message of Spark's from others.
const placeMark = "sparkstalk"

var placeInMessage = regexp.MustCompile(`\s*== DataFrame( of .*)? ==\s*"(.*)" was called from\s*` + placeMark + `\s*`)

// placed moves the place in a message to its front.
func placed(message string) string {
	m := placeInMessage.FindStringSubmatchIndex(message)
	if m == nil {
		return message
	}
	rest := message[m[1]:]
	if rest != "" {
		rest = "\n" + rest
	}
	return message[m[4]:m[5]] + ": " + message[:m[0]] + rest
}

// placeOf is the place in what the engine says of an error, if there is one.
func placeOf(e *sparkpb.FetchErrorDetailsResponse_Error) string {
	for _, c := range e.GetSparkThrowable().GetQueryContexts() {
		if c.GetCallSite() == placeMark {
			return c.GetFragment()
		}
	}
	return ""
}
