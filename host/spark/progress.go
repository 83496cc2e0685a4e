package spark

import "github.com/sparkstalk/sparkstalk/host/spark/sparkpb"

// Progress is how far an execution is. Spark finds out what there is to do as it
// goes, so that the totals grow.
type Progress struct {
	Stages    int     // known so far
	Tasks     int64   // in these stages
	Done      int64   // tasks completed
	Running   int64   // tasks under way
	BytesRead int64   // from the inputs
	Fraction  float64 // of the tasks; never falls, and stays below 1
}

// reporter turns the engine's messages into Progress.
type reporter struct {
	tell     func(Progress)
	fraction float64
}

func (r *reporter) read(m *sparkpb.ExecutePlanResponse_ExecutionProgress) {
	if r.tell == nil || m == nil {
		return
	}
	p := Progress{Stages: len(m.GetStages()), Running: m.GetNumInflightTasks()}
	for _, stage := range m.GetStages() {
		p.Tasks += stage.GetNumTasks()
		p.Done += stage.GetNumCompletedTasks()
		p.BytesRead += stage.GetInputBytesRead()
	}
	if p.Tasks == 0 {
		return // Spark begins with a message that says nothing yet
	}
	// Messages come in any order, and stages that Spark skips are never done.
	r.fraction = max(r.fraction, min(float64(p.Done)/float64(p.Tasks), 0.99))
	p.Fraction = r.fraction
	r.tell(p)
}
