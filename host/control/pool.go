package control

import (
	"context"
	"encoding/json"
	"fmt"
)

func (n *Node) poolGrow(_ context.Context, a arguments) (json.RawMessage, error) {
	count, err := n.poolChange(a)
	if err != nil {
		return nil, err
	}
	if n.Autoscaler != nil {
		return nok("pool_grow is not supported with autoscale. Adjust autoscale range instead."), nil
	}
	if count < 0 || count > maxGrow {
		return nil, raise("ValueError", fmt.Sprintf("a pool cannot grow by %d", count))
	}
	n.Worker.Grow(count)
	return ok("pool will grow"), nil
}

// maxGrow bounds by how much one command may grow the pool.
const maxGrow = 1000

func (n *Node) poolShrink(_ context.Context, a arguments) (json.RawMessage, error) {
	count, err := n.poolChange(a)
	if err != nil {
		return nil, err
	}
	if n.Autoscaler != nil {
		return nok("pool_shrink is not supported with autoscale. Adjust autoscale range instead."), nil
	}
	if err := n.Worker.Shrink(max(count, 0)); err != nil {
		return nil, raise("ValueError", "Can't shrink pool. All processes busy!")
	}
	return ok("pool will shrink"), nil
}

func (n *Node) poolChange(a arguments) (int, error) {
	count, err := a.int("n")
	if err != nil || count == nil {
		return 1, err
	}
	return *count, nil
}

func (n *Node) autoscale(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.only("max", "min"); err != nil {
		return nil, err
	}
	most, err := a.int("max")
	if err != nil {
		return nil, err
	}
	least, err := a.int("min")
	if err != nil {
		return nil, err
	}
	if n.Autoscaler == nil {
		return nil, raise("ValueError", "Autoscale not enabled")
	}
	newMax, newMin, err := n.Autoscaler.Update(most, least)
	if err != nil {
		return nil, raise("ValueError", err.Error())
	}
	return ok(fmt.Sprintf("autoscale now max=%d min=%d", newMax, newMin)), nil
}

// poolRestart has nothing to do here: modules reload by themselves.
func (n *Node) poolRestart(context.Context, arguments) (json.RawMessage, error) {
	return nil, raise("ValueError", "Pool restarts not enabled")
}
