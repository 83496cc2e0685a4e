package spark

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// An Observation gets the metrics that [DataFrame.Observe] computes.
type Observation struct {
	name    string
	session *Session
}

// NewObservation returns an Observation of one DataFrame. Without a name it gets
// one of its own.
func NewObservation(name ...string) *Observation {
	o := new(Observation)
	if len(name) > 0 {
		o.name = name[0]
	}
	return o
}

// Observe computes aggregates of the rows that pass here when an action runs the
// plan, beside its result. observation is an [Observation], which has them then,
// or a name. A cached DataFrame does not run its plan again, and no one sees
// metrics of a DataFrame that the task returns. Sail lacks it.
func (df *DataFrame) Observe(observation any, metrics ...Column) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		name := ""
		switch o := observation.(type) {
		case string:
			name = o
		case *Observation:
			if o.session != nil {
				b.fail("Observe: an Observation is of one DataFrame; make another one")
				break
			}
			if o.session = b.session; o.name == "" {
				// By number, since plans are known by what they say.
				b.session.observations++
				o.name = fmt.Sprintf("observation %d", b.session.observations)
			}
			name = o.name
		default:
			b.failed(wrongType("Observe: the observation is an Observation or a name, not %T", observation))
		}
		if len(metrics) == 0 {
			b.fail("Observe: no metric is given")
		}
		exprs := b.exprs(metrics)
		if b.err != nil {
			return 0
		}
		return b.host.FrameObserve(df.handle, name, exprs)
	})
}

// Get returns the metrics, by their names, that the last action computed. Before
// one has it is an error.
func (o *Observation) Get() (Row, error) {
	if o.session == nil {
		return Row{}, abi.Errorf("RuntimeError", "the Observation is of no DataFrame yet; give it to Observe")
	}
	if err := o.session.check(); err != nil {
		return Row{}, err
	}
	data, err := o.session.host.ActionObserved(o.name)
	if err != nil {
		return Row{}, err
	}
	var row Row
	if row.members, err = pyjson.Members(data); err != nil {
		return Row{}, fmt.Errorf("read the metrics: %w", err)
	}
	return row, nil
}
