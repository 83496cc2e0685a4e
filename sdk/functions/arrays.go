package functions

// Explode has a row for each element of an array, or for each key and value of a
// map; none for NULL.
func Explode(c ColumnOrName) Column { return call("explode", c) }

// ExplodeOuter is [Explode] with a row of NULL for NULL and for what is empty.
func ExplodeOuter(c ColumnOrName) Column { return call("explode_outer", c) }

// PosExplode is [Explode] with the position, from 0, in front.
func PosExplode(c ColumnOrName) Column { return call("posexplode", c) }

// Size is the number of elements of an array or map.
func Size(c ColumnOrName) Column { return call("size", c) }

// ArrayDistinct is an array without repetitions.
func ArrayDistinct(c ColumnOrName) Column { return call("array_distinct", c) }

// ArrayMin is the least element of an array.
func ArrayMin(c ColumnOrName) Column { return call("array_min", c) }

// ArrayMax is the greatest element of an array.
func ArrayMax(c ColumnOrName) Column { return call("array_max", c) }

// Flatten is an array of arrays as one array.
func Flatten(c ColumnOrName) Column { return call("flatten", c) }

// MapKeys is an array of a map's keys.
func MapKeys(c ColumnOrName) Column { return call("map_keys", c) }

// MapValues is an array of a map's values.
func MapValues(c ColumnOrName) Column { return call("map_values", c) }

// Array is an array of several values.
func Array(columns ...ColumnOrName) Column { return call("array", columns...) }

// Struct is a struct of several columns, with their names.
func Struct(columns ...ColumnOrName) Column { return call("struct", columns...) }

// NamedStruct is a struct of names and columns by turns, such as
// NamedStruct(Lit("word"), "value").
func NamedStruct(namesAndColumns ...ColumnOrName) Column {
	return call("named_struct", namesAndColumns...)
}

// CreateMap is a map of keys and values by turns.
func CreateMap(keysAndValues ...ColumnOrName) Column { return call("map", keysAndValues...) }

// ArrayContains says whether an array has a value.
func ArrayContains(c ColumnOrName, value any) Column { return call("array_contains", c, Lit(value)) }

// ArrayJoin joins the strings of an array with a delimiter, leaving NULLs out.
func ArrayJoin(c ColumnOrName, delimiter string) Column {
	return call("array_join", c, Lit(delimiter))
}

// ArrayPosition is the 1-based position of a value in an array, 0 if it is not there.
func ArrayPosition(c ColumnOrName, value any) Column { return call("array_position", c, Lit(value)) }

// ArrayUnion is what is in either of two arrays, without repetitions.
func ArrayUnion(a, b ColumnOrName) Column { return call("array_union", a, b) }

// ArrayIntersect is what is in both of two arrays, without repetitions.
func ArrayIntersect(a, b ColumnOrName) Column { return call("array_intersect", a, b) }

// ArrayExcept is what is in the first array and not in the second, without repetitions.
func ArrayExcept(a, b ColumnOrName) Column { return call("array_except", a, b) }

// SortArray sorts the elements of an array.
func SortArray(c ColumnOrName, ascending bool) Column { return call("sort_array", c, Lit(ascending)) }

// Slice is length elements of an array from the 1-based position start on.
func Slice(c ColumnOrName, start, length int) Column {
	return call("slice", c, Lit(start), Lit(length))
}

// ElementAt is an element of an array by its 1-based position, or of a map by
// its key.
func ElementAt(c ColumnOrName, key any) Column { return call("element_at", c, Lit(key)) }

// Sequence is an array of the integers from start to stop, stop included.
func Sequence(start, stop ColumnOrName) Column { return call("sequence", start, stop) }

// GetJSONObject is a part of JSON text by its path, such as "$.a[0]".
func GetJSONObject(c ColumnOrName, path string) Column {
	return call("get_json_object", c, Lit(path))
}

// ToJSON is a struct, map or array as JSON text.
func ToJSON(c ColumnOrName) Column { return call("to_json", c) }

// FromJSON is JSON text as a value of a type in DDL form.
func FromJSON(c ColumnOrName, ddl string) Column { return call("from_json", c, Lit(ddl)) }
