package functions

import "github.com/sparkstalk/sparkstalk/sdk/spark"

// Lambda1or2 is a function of an element, or of an element and its position from 0.
type Lambda1or2 interface {
	func(element Column) Column | func(element, position Column) Column
}

func lambda1(f func(Column) Column) Column {
	return spark.Lambda(1, func(p []Column) Column { return f(p[0]) })
}

func lambda2(f func(x, y Column) Column) Column {
	return spark.Lambda(2, func(p []Column) Column { return f(p[0], p[1]) })
}

func lambda1or2(f any) Column {
	if two, ok := f.(func(x, y Column) Column); ok {
		return lambda2(two)
	}
	return lambda1(f.(func(Column) Column)) // Lambda1or2 has no third kind
}

// Transform is an array with f applied to each element:
//
//	F.Transform("prices", func(x F.Column) F.Column { return x.Times(2) })
func Transform[F Lambda1or2](c ColumnOrName, f F) Column { return call("transform", c, lambda1or2(f)) }

// Filter is an array of the elements for which f holds.
func Filter[F Lambda1or2](c ColumnOrName, f F) Column { return call("filter", c, lambda1or2(f)) }

// Exists says whether f holds for an element of an array.
func Exists(c ColumnOrName, f func(Column) Column) Column { return call("exists", c, lambda1(f)) }

// ForAll says whether f holds for every element of an array.
func ForAll(c ColumnOrName, f func(Column) Column) Column { return call("forall", c, lambda1(f)) }

// Aggregate folds an array: merge makes of what it is so far, initial at first,
// and an element what it is next. finish, which may be left out, makes the result
// of what it is at the end.
func Aggregate(c, initial ColumnOrName, merge func(sofar, element Column) Column, finish ...func(Column) Column) Column {
	return fold("aggregate", c, initial, merge, finish)
}

// Reduce is [Aggregate].
func Reduce(c, initial ColumnOrName, merge func(sofar, element Column) Column, finish ...func(Column) Column) Column {
	return fold("reduce", c, initial, merge, finish)
}

func fold(function string, c, initial ColumnOrName, merge func(x, y Column) Column, finish []func(Column) Column) Column {
	args := []ColumnOrName{c, initial, lambda2(merge)}
	for _, f := range finish {
		args = append(args, lambda1(f))
	}
	return call(function, args...)
}

// ZipWith is an array of f applied to the elements of two arrays in the same
// place; the shorter one goes on with NULLs.
func ZipWith(left, right ColumnOrName, f func(x, y Column) Column) Column {
	return call("zip_with", left, right, lambda2(f))
}

// ArraySort sorts an array, NULLs last; a comparator, which may be left out, says
// by a negative number, zero or a positive one how x compares to y.
func ArraySort(c ColumnOrName, comparator ...func(x, y Column) Column) Column {
	args := []ColumnOrName{c}
	for _, f := range comparator {
		args = append(args, lambda2(f))
	}
	return call("array_sort", args...)
}

// MapFilter is a map of the keys and values for which f holds.
func MapFilter(c ColumnOrName, f func(key, value Column) Column) Column {
	return call("map_filter", c, lambda2(f))
}

// MapZipWith is a map of the keys of two maps, with f of a key and its two values
// as values; NULL is the value of a key that a map does not have.
func MapZipWith(left, right ColumnOrName, f func(key, x, y Column) Column) Column {
	return call("map_zip_with", left, right, spark.Lambda(3, func(p []Column) Column { return f(p[0], p[1], p[2]) }))
}

// TransformKeys is a map with f of key and value as keys.
func TransformKeys(c ColumnOrName, f func(key, value Column) Column) Column {
	return call("transform_keys", c, lambda2(f))
}

// TransformValues is a map with f of key and value as values.
func TransformValues(c ColumnOrName, f func(key, value Column) Column) Column {
	return call("transform_values", c, lambda2(f))
}
