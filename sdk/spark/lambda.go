package spark

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Lambda is a function of so many columns, at most three, for [Call] to hand to
// a function such as "transform". f is called once, with columns that stand for
// the parameters; they mean nothing outside of what it returns.
func Lambda(params int, f func(params []Column) Column) Column {
	if params < 1 || params > len(lambdaNames) {
		return Invalid(abi.Errorf("ValueError", "a lambda function has 1 to %d parameters, not %d", len(lambdaNames), params))
	}
	list := make([]Column, params)
	for i := range list {
		list[i] = Column{&node{kind: kindLambdaVariable, text: lambdaNames[i]}}
	}
	return Column{&node{kind: kindLambda, params: list, args: []Column{f(list)}}}
}

// lambdaNames are what parameters are called, with the depth of their lambda
// behind. A plan's names must be the same each time: the cache knows plans by
// their bytes.
var lambdaNames = [...]string{"x", "y", "z"}

// lambda returns the handle of a lambda function.
func (b *builder) lambda(n *node) abi.Expr {
	outer := b.variables
	defer func() { b.variables, b.depth = outer, b.depth-1 }()
	b.depth++
	b.variables = make(map[*node]string, len(outer)+len(n.params))
	for v, name := range outer {
		b.variables[v] = name
	}
	names := make([]string, len(n.params))
	for i, p := range n.params {
		names[i] = fmt.Sprintf("%s_%d", p.node.text, b.depth)
		b.variables[p.node] = names[i]
	}
	body := b.expr(n.args[0])
	if b.err != nil {
		return 0
	}
	return b.host.ExprLambda(names, body)
}

func (b *builder) lambdaVariable(n *node) abi.Expr {
	name, ok := b.variables[n]
	if !ok {
		b.fail("the parameter %s of a lambda function is used outside of it", n.text)
		return 0
	}
	return b.host.ExprLambdaVariable(name)
}
