package spark

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Observe computes aggregates of the rows that pass when an action runs the
// plan: see [Options.Observed]. A DataFrame that is cached has them computed
// while it is built, for no one to see.
func (df *DataFrame) Observe(name string, metrics []*Column) *DataFrame {
	switch {
	case df.Err() != nil:
		return df
	case name == "":
		return Invalid(errors.New("observe: the name is empty"))
	case len(metrics) == 0:
		return Invalid(errors.New("observe: no metric is given"))
	}
	metrics = slices.Clone(metrics)
	return df.step("observe", name, textWeight(name), metrics, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_CollectMetrics{CollectMetrics: &sparkpb.CollectMetrics{
			Input: in, Name: name, Metrics: r.exprs(metrics),
		}}}
	}).need(FeatureObserve)
}

// readMetrics passes the metrics on that come with a response.
func (x *execution) readMetrics(response *sparkpb.ExecutePlanResponse) error {
	if x.observe == nil {
		return nil
	}
	for _, m := range response.GetObservedMetrics() {
		if failures := m.GetErrors(); len(failures) > 0 {
			return fmt.Errorf("metrics %q: %s", m.GetName(), failures[m.GetRootErrorIdx()%int32(len(failures))].GetMessage())
		}
		data, err := metricsJSON(m)
		if err != nil {
			return fmt.Errorf("metrics %q: %w", m.GetName(), err)
		}
		x.observe(m.GetName(), data)
	}
	return nil
}

// metricsJSON is a JSON object of the metrics, in their order.
func metricsJSON(m *sparkpb.ExecutePlanResponse_ObservedMetrics) ([]byte, error) {
	if len(m.GetKeys()) != len(m.GetValues()) {
		return nil, fmt.Errorf("the engine sent %d names and %d values", len(m.GetKeys()), len(m.GetValues()))
	}
	dst := []byte{'{'}
	for i, key := range m.GetKeys() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		var err error
		if dst, err = appendMetric(dst, m.GetValues()[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return append(dst, '}'), nil
}
