;; The words of text files, counted: what plugins/demo does in Go, with the same answers, in WebAssembly's own text.
;; abi/README.md walks through it.
(module
  ;; The host's functions that it needs, copied from sdk/lang/wat/imports.wat.
  (import "sparkstalk_v1" "take" (func $take (param $to i32)))
  (import "sparkstalk_v1" "error_take" (func $error_take (result i64)))
  (import "sparkstalk_v1" "task_bind" (func $task_bind (result i64)))
  (import "sparkstalk_v1" "result_json" (func $result_json (param $value_ptr i32) (param $value_len i32) (result i64)))
  (import "sparkstalk_v1" "result_frame" (func $result_frame (param $frame i32) (param $form i32) (result i64)))
  (import "sparkstalk_v1" "result_error" (func $result_error (param $failure_ptr i32) (param $failure_len i32) (result i64)))
  (import "sparkstalk_v1" "frame_read" (func $frame_read (param $format_ptr i32) (param $format_len i32) (param $schema_ptr i32) (param $schema_len i32) (param $options_ptr i32) (param $options_len i32) (param $paths_ptr i32) (param $paths_len i32) (result i32)))
  (import "sparkstalk_v1" "frame_select" (func $frame_select (param $in i32) (param $columns_ptr i32) (param $columns_count i32) (result i32)))
  (import "sparkstalk_v1" "frame_filter" (func $frame_filter (param $in i32) (param $condition i32) (result i32)))
  (import "sparkstalk_v1" "frame_aggregate" (func $frame_aggregate (param $in i32) (param $grouping i32) (param $keys_ptr i32) (param $keys_count i32) (param $aggregates_ptr i32) (param $aggregates_count i32) (result i32)))
  (import "sparkstalk_v1" "frame_sort" (func $frame_sort (param $in i32) (param $orders_ptr i32) (param $orders_count i32) (param $global i32) (result i32)))
  (import "sparkstalk_v1" "frame_limit" (func $frame_limit (param $in i32) (param $n i32) (result i32)))
  (import "sparkstalk_v1" "frame_cache" (func $frame_cache (param $in i32) (param $name_ptr i32) (param $name_len i32) (result i32)))
  (import "sparkstalk_v1" "expr_column" (func $expr_column (param $name_ptr i32) (param $name_len i32) (result i32)))
  (import "sparkstalk_v1" "expr_call" (func $expr_call (param $function_ptr i32) (param $function_len i32) (param $args_ptr i32) (param $args_count i32) (param $distinct i32) (result i32)))
  (import "sparkstalk_v1" "expr_literal" (func $expr_literal (param $ddl_ptr i32) (param $ddl_len i32) (param $value_ptr i32) (param $value_len i32) (result i32)))
  (import "sparkstalk_v1" "expr_sort" (func $expr_sort (param $in i32) (param $descending i32) (param $nulls_last i32) (result i32)))
  (import "sparkstalk_v1" "expr_sql" (func $expr_sql (param $text_ptr i32) (param $text_len i32) (result i32)))

  ;; Two lists of handles and the list of paths lie at the beginning, then the texts, and from 8192 on the arguments.
  (memory (export "memory") 1)
  (global $list i32 (i32.const 0))
  (global $other i32 (i32.const 16))
  (global $arguments i32 (i32.const 8192))

  (data (i32.const 1024) "{\22abi\22:1,\22sdk\22:\22wat\22,\22tasks\22:[{\22name\22:\22wat.WordCount\22,\22doc\22:\22the most common words with a first letter; words are split at white space\22,\22returns\22:\22DataFrame\22,\22max_retries\22:1,\22params\22:[{\22name\22:\22inputs\22,\22type\22:\22string\22,\22doc\22:\22path, folder or glob of text files\22},{\22name\22:\22first_letter\22,\22type\22:\22string\22,\22doc\22:\22what the words begin with, in upper or lower case\22},{\22name\22:\22limit\22,\22type\22:\22int32\22,\22default\22:5,\22doc\22:\22how many words\22}]}]}") ;; 429 bytes
  (data (i32.const 1456) "text") ;; 4 bytes
  (data (i32.const 1472) "explode(split(value, '[\09-\0d\1c- \c2\85\c2\a0\e1\9a\80\e2\80\80-\e2\80\8a\e2\80\a8\e2\80\a9\e2\80\af\e2\81\9f\e3\80\80]+')) AS word") ;; 71 bytes
  (data (i32.const 1552) "word != ''") ;; 10 bytes
  (data (i32.const 1568) "word") ;; 4 bytes
  (data (i32.const 1584) "count(1) AS count") ;; 17 bytes
  (data (i32.const 1616) "count") ;; 5 bytes
  (data (i32.const 1632) "wat.words") ;; 9 bytes
  (data (i32.const 1648) "lower(substring(word, 1, 1))") ;; 28 bytes
  (data (i32.const 1680) "string") ;; 6 bytes
  (data (i32.const 1696) "lower") ;; 5 bytes
  (data (i32.const 1712) "==") ;; 2 bytes
  (data (i32.const 1728) "{\22type\22:\22ValueError\22,\22module\22:\22builtins\22,\22args\22:[\22first_letter is empty\22]}") ;; 74 bytes
  (data (i32.const 1808) "{\22type\22:\22ValueError\22,\22module\22:\22builtins\22,\22args\22:[\22inputs has a character that JSON escapes, which this module does not read\22]}") ;; 126 bytes

  (func (export "sparkstalk_describe") (result i32)
    (i32.wrap_i64 (call $result_json (i32.const 1024) (i32.const 429))))

  ;; Hands the error of the last call to the host, and returns what sparkstalk_run returns then.
  (func $fail (result i32) (local $n i32)
    (local.set $n (i32.wrap_i64 (call $error_take)))
    (call $take (global.get $arguments))
    (drop (call $result_error (global.get $arguments) (local.get $n)))
    (i32.const 1))

  ;; Where the JSON string that begins at $at ends: at its closing quote. -1 if it has an escape.
  (func $closing (param $at i32) (result i32)
    (loop $next (result i32)
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 92)) (then (return (i32.const -1)))) ;; a backslash
      (br_if $next (i32.ne (i32.load8_u (local.get $at)) (i32.const 34))) ;; no quote
      (local.get $at)))

  ;; The whole number that begins at $at.
  (func $number (param $at i32) (result i32) (local $n i32) (local $digit i32)
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45)) ;; a minus
      (then (return (i32.sub (i32.const 0) (call $number (i32.add (local.get $at) (i32.const 1)))))))
    (block $end
      (loop $next
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
        (br_if $end (i32.gt_u (local.get $digit) (i32.const 9)))
        (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $digit)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $n))

  ;; Every word in the files of a path, and how often it is there. The host keeps it for all tasks.
  (func $words (param $path i32) (param $path_len i32) (result i32) (local $frame i32)
    ;; The list of paths is one text: the length of its only element, and the element.
    (i32.store (i32.sub (local.get $path) (i32.const 4)) (local.get $path_len))
    (local.set $frame (call $frame_read (i32.const 1456) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.sub (local.get $path) (i32.const 4)) (i32.add (local.get $path_len) (i32.const 4))))
    (i32.store (global.get $list) (call $expr_sql (i32.const 1472) (i32.const 71)))
    (local.set $frame (call $frame_select (local.get $frame) (global.get $list) (i32.const 1)))
    (local.set $frame (call $frame_filter (local.get $frame) (call $expr_sql (i32.const 1552) (i32.const 10))))
    (i32.store (global.get $list) (call $expr_column (i32.const 1568) (i32.const 4)))
    (i32.store (global.get $other) (call $expr_sql (i32.const 1584) (i32.const 17)))
    (local.set $frame (call $frame_aggregate (local.get $frame) (i32.const 0) (global.get $list) (i32.const 1) (global.get $other) (i32.const 1)))
    (call $frame_cache (local.get $frame) (i32.const 1632) (i32.const 9)))

  ;; The module has one task, so that its index is not looked at. The arguments are bound to the parameters by the host:
  ;; ["/path","a",5], without spaces.
  (func (export "sparkstalk_run") (param $index i32) (result i32)
    (local $path i32) (local $path_end i32) (local $letter i32) (local $letter_end i32) (local $frame i32)
    (if (i64.lt_s (call $task_bind) (i64.const 0)) (then (return (call $fail))))
    (call $take (global.get $arguments))
    (local.set $path (i32.add (global.get $arguments) (i32.const 1)))
    (local.set $path_end (call $closing (local.get $path)))
    (if (i32.lt_s (local.get $path_end) (i32.const 0))
      (then (drop (call $result_error (i32.const 1808) (i32.const 126))) (return (i32.const 1))))
    (local.set $letter (i32.add (local.get $path_end) (i32.const 2)))
    (local.set $letter_end (call $closing (local.get $letter)))
    (if (i32.eq (local.get $letter_end) (i32.add (local.get $letter) (i32.const 1)))
      (then (drop (call $result_error (i32.const 1728) (i32.const 74))) (return (i32.const 1))))
    (if (i32.lt_s (local.get $letter_end) (i32.const 0))
      (then (drop (call $result_error (i32.const 1808) (i32.const 126))) (return (i32.const 1))))

    ;; lower(letter): a literal takes its value as the JSON that it came in.
    (i32.store (global.get $list) (call $expr_literal (i32.const 1680) (i32.const 6)
      (local.get $letter) (i32.add (i32.sub (local.get $letter_end) (local.get $letter)) (i32.const 1))))
    (i32.store (global.get $other) (call $expr_sql (i32.const 1648) (i32.const 28)))
    (i32.store (i32.add (global.get $other) (i32.const 4)) (call $expr_call (i32.const 1696) (i32.const 5) (global.get $list) (i32.const 1) (i32.const 0)))
    (local.set $letter (call $expr_call (i32.const 1712) (i32.const 2) (global.get $other) (i32.const 2) (i32.const 0)))

    (local.set $frame (call $words (i32.add (local.get $path) (i32.const 1)) (i32.sub (i32.sub (local.get $path_end) (local.get $path)) (i32.const 1))))
    (local.set $frame (call $frame_filter (local.get $frame) (local.get $letter)))
    (i32.store (global.get $list) (call $expr_sort (call $expr_column (i32.const 1616) (i32.const 5)) (i32.const 1) (i32.const 1)))
    (i32.store (i32.const 4) (call $expr_sort (call $expr_column (i32.const 1568) (i32.const 4)) (i32.const 0) (i32.const 0)))
    (local.set $frame (call $frame_sort (local.get $frame) (global.get $list) (i32.const 2) (i32.const 1)))
    (local.set $frame (call $frame_limit (local.get $frame) (call $number (i32.add (local.get $letter_end) (i32.const 2)))))
    (if (i64.lt_s (call $result_frame (local.get $frame) (i32.const 0)) (i64.const 0)) (then (return (call $fail))))
    (i32.const 0)))
