package spark

import (
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// joinNames are the names that PySpark lists when it refuses one.
var joinNames = []string{
	"inner", "outer", "full", "fullouter", "full_outer", "leftouter", "left", "left_outer", "rightouter", "right", "right_outer",
	"leftsemi", "left_semi", "semi", "leftanti", "left_anti", "anti", "cross",
}

// joinType reads a join's name as PySpark does: in any case, underscores or not.
func joinType(how string) (sparkpb.Join_JoinType, error) {
	switch strings.ReplaceAll(strings.ToLower(how), "_", "") {
	case "", "inner":
		return sparkpb.Join_JOIN_TYPE_INNER, nil
	case "outer", "full", "fullouter":
		return sparkpb.Join_JOIN_TYPE_FULL_OUTER, nil
	case "left", "leftouter":
		return sparkpb.Join_JOIN_TYPE_LEFT_OUTER, nil
	case "right", "rightouter":
		return sparkpb.Join_JOIN_TYPE_RIGHT_OUTER, nil
	case "semi", "leftsemi":
		return sparkpb.Join_JOIN_TYPE_LEFT_SEMI, nil
	case "anti", "leftanti":
		return sparkpb.Join_JOIN_TYPE_LEFT_ANTI, nil
	case "cross":
		return sparkpb.Join_JOIN_TYPE_CROSS, nil
	}
	return 0, unsupportedJoin(how, joinNames)
}

// Zip puts the columns of right beside df's. Both must select from one frame,
// however differently, so that their rows are the same; the engine refuses
// others. Spark has this from 4.3; Sail does not.
func (df *DataFrame) Zip(right *DataFrame) *DataFrame {
	if df.Err() != nil {
		return df
	}
	n := &node{op: "zip"}
	n.build = func(_ *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Zip{Zip: &sparkpb.Zip{Left: inputs[0], Right: inputs[1]}}}
	}
	return frame(n, []*DataFrame{df, right}, nil).need(FeatureZip)
}

// unsupportedJoin is Spark's error, and PySpark's, for a join of another name.
func unsupportedJoin(how string, names []string) error {
	return &Error{
		Class:     "org.apache.spark.sql.AnalysisException",
		Condition: "UNSUPPORTED_JOIN_TYPE",
		Message: fmt.Sprintf("[UNSUPPORTED_JOIN_TYPE] Unsupported join type: '%s'. Supported join types include: '%s'.",
			how, strings.Join(names, "', '")),
	}
}
