package conformance

import "testing"

// An ownSetting is one that Celery does not have: its default and what it says.
type ownSetting struct{ name, without, what string }

// ownSettings are all of them, in the order of the page.
var ownSettings = []struct {
	title    string
	settings []ownSetting
}{
	{"Modules", []ownSetting{
		{"plugins", "`plugins`", "the watched folder"},
		{"modules", "nothing is granted; `run` and `dev` grant all of data", "rights, limits and isolation of modules, by their names or globs: [what a module may do](../README.md#what-a-module-may-do)"},
		{"allow", "", "rights for all modules beside those: `RIGHT` or `RIGHT=PATTERN`, such as `sql`, `http=api.example.com`; the flag `--allow` is repeated for more"},
		{"allow_all", "false", "all modules have what they ask for"},
		{"capabilities", "", "what all tasks may do if their module asks for it, as it was before `modules`: `raw_plans`, `raw_plans:reports.*`"},
		{"task_conf", "", "Spark settings that tasks may change, for all tasks: keys, or beginnings with `*`"},
		{"memory_mib", "512", "most memory of an instance, where `modules` has no other"},
		{"module_stack_mib", "16", "how deep a module's calls may nest"},
		{"module_table_entries", "16384", "how far its tables may grow"},
		{"result_limit", "8 MiB", "bytes of a result"},
		{"trusted_modules", "", "modules, by name or glob, signed where there are `module_keys`, whose code runs as it is, not rewritten: a loop that never ends stops the whole host ([more](../README.md#what-a-module-may-do))"},
		{"plugins_native", "false", "load Go plugins (`.so`) as well, which have no sandbox"},
		{"require_signed", "false", "serve only modules that one of `module_keys` signed: [versions of modules](../README.md#versions-of-modules)"},
		{"module_keys", "", "public keys, and the most that what they sign may have"},
		{"refuse_downgrades", "as `require_signed`", "refuse signed modules older than those accepted before of their tasks"},
		{"module_trial", "10", "calls that a new version must end without a trap, or the one before serves again; 0 is none"},
		{"module_canary", "0, for all", "share of the calls, from 0 to 1, that a version on trial gets"},
		{"module_versions", "5", "versions kept to go back to; negative for none"},
		{"module_settle", "0.1", "seconds that an unsealed file must lie still"},
		{"module_relist", "2", "seconds between two looks at the folder, for changes that the system does not tell of"},
		{"module_compile_timeout", "60", "seconds that compiling a module may take"},
		{"module_compile_workers", "0, for all, at most 8", "CPUs that it uses"},
		{"module_compile_mib", "1024", "memory that it may take"},
		{"module_compile_nice", "5", "how far it stands behind the tasks, from 0 to 19"},
		{"worker_park_unknown_tasks", "0", "seconds that a task waits for its module; 0 rejects it at once, as Celery does"},
		{"worker_park_limit", "1000", "how many of them wait in this worker"},
		{"function_memory_mib", "256", "memory of an instance that runs a module's functions in an executor: [functions](../sdk/FUNCTIONS.md)"},
	}},
	{"Spark", []ownSetting{
		{"spark", "`sail`", "the engine: `sail`, `local[N]`, `local[*]` or `sc://host:port`"},
		{"spark_memory", "1g; without a limit on Sail", "what a local engine may take, as Spark writes sizes"},
		{"spark_conf", "", "settings of the engine by name"},
		{"spark_jars", "", "jars for a local Spark: files, folders and patterns"},
		{"spark_warehouse", "one that goes with the engine", "a local engine's folder of managed tables"},
		{"spark_progress", "1", "seconds between two states PROGRESS from Spark's reports; negative for none"},
		{"spark_tls_ca", "the system's", "file of the authorities to trust for `sc://`"},
		{"spark_tls_cert", "", "file of the client's certificate"},
		{"spark_tls_key", "", "file of its key"},
		{"spark_token", "", "bearer token for `sc://`"},
		{"spark_plaintext_token", "false", "let a token go to another machine without TLS"},
	}},
	{"Cached DataFrames", []ownSetting{
		{"cache_entries", "64", "how many are kept"},
		{"cache_mib", "no limit", "how much they hold together"},
		{"cache_storage_level", "`CHECKPOINT`", "how they are kept"},
		{"cache_private", "false", "keep them from other hosts and from the next start"},
		{"cache_ttl", "a day", "seconds that rows are used after they were built"},
		{"cache_grace", "600", "seconds until what no loaded module asks for is dropped"},
	}},
	{"The worker", []ownSetting{
		{"broker", "`amqp://guest:guest@localhost:5672//`", "the broker's URL; Celery's name is `broker_url`"},
		{"queues", "those of `task_queues`, or `task_default_queue`", "queues to consume: NAME or NAME:EXCHANGE:KEY"},
		{"exclude_queues", "", "queues not to consume after all"},
		{"purge", "false", "drop what waits in the queues at the start"},
		{"queue_args", "", "arguments of every queue's declaration"},
		{"consumer_priority", "", "the consumer's x-priority"},
		{"concurrency", "one for each CPU", "tasks that run at once; Celery's name is `worker_concurrency`"},
		{"autoscale", "", "bounds of the pool: MAX,MIN, or MAX"},
		{"prefetch_multiplier", "1", "messages taken in advance for each slot; Celery's name is `worker_prefetch_multiplier`"},
		{"hostname", "`sparkstalk-%i@%h`", "the node's name"},
		{"task_events", "false", "send task events; Celery's name is `worker_send_task_events`"},
		{"statedb", "", "file that keeps revoked tasks; Celery's name is `worker_state_db`"},
		{"grace", "without end", "seconds that running tasks may go on at a warm stop"},
		{"worker_lost_limit", "3", "deaths of workers of this machine within a late-acked task, after which it fails; negative is no limit"},
		{"worker_disabled_commands", "", "remote control commands that are refused"},
		{"worker_gossip", "true", "listen to the events of other workers"},
		{"worker_mingle", "true", "ask other workers at the start what is revoked"},
		{"worker_heartbeat", "true", "tell others that this worker lives"},
		{"worker_heartbeat_interval", "2", "seconds between two signs of it"},
		{"beat", "false", "send scheduled tasks as well"},
		{"beat_group", "`sparkstalk.beat`", "the beats among which one sends"},
		{"home", "`sparkstalk` in the user's cache folder", "folder of installed engines and compiled modules"},
		{"loglevel", "`info`", "debug, info, warning or error"},
	}},
}

// ownSettingsText writes the tables, and holds them to the settings there are.
// celerys are those that Celery has as well.
func ownSettingsText(t *testing.T, ours map[string]bool, celerys map[string]string) []string {
	t.Helper()
	lines := []string{"", "# sparkstalk's own settings", "",
		"In `sparkstalk.yaml`, and in upper case behind `SPARKSTALK_` in the environment; [config.go](config.go) says more of each. A test",
		"holds these tables to it."}
	told := map[string]bool{}
	for _, group := range ownSettings {
		lines = append(lines, "", "## "+group.title, "", "| setting | default | |", "| --- | --- | --- |")
		for _, s := range group.settings {
			if !ours[s.name] || celerys[s.name] != "" || told[s.name] {
				t.Errorf("%s is no setting of our own, or told twice", s.name)
			}
			told[s.name] = true
			lines = append(lines, "| "+s.name+" | "+s.without+" | "+s.what+" |")
		}
	}
	for name := range ours {
		if name != "-" && celerys[name] == "" && !told[name] {
			t.Errorf("nothing is said of the setting %s", name)
		}
	}
	return lines
}
