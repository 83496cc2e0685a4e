package sdktest

import (
	"encoding/json"

	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// Observed sets the metrics that an observation of a name gets: what
// Observation.Get returns after the task's actions.
func (h *Host) Observed(name string, metrics map[string]any) {
	h.tb.Helper()
	data, err := pyjson.Marshal(metrics)
	if err != nil {
		h.tb.Fatalf("sdktest: metrics of %q: %v", name, err)
		return
	}
	if h.observed == nil {
		h.observed = make(map[string]json.RawMessage)
	}
	h.observed[name] = data
}

// ActionObserved implements [abi.Host].
func (c *call) ActionObserved(name string) ([]byte, error) {
	c.host.tb.Helper()
	metrics, ok := c.host.observed[name]
	if !ok {
		c.host.tb.Fatalf("sdktest: the task asks for the metrics of %q: give them with Host.Observed", name)
	}
	return metrics, nil
}
