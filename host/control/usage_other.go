//go:build !unix

package control

import "encoding/json"

// rusage is not known on this system; so says Celery's worker there.
func rusage() json.RawMessage { return json.RawMessage(`"N/A"`) }
