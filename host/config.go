package host

import (
	"log/slog"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/beat"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// A Config says what a host serves and with what. The zero value works: it
// serves the modules in ./plugins on the embedded engine to the RabbitMQ of
// this machine. The json tags are the names in sparkstalk.yaml and, in upper
// case behind SPARKSTALK_, in the environment.
type Config struct {
	// Broker is the message broker's URL, such as amqp://user:password@host:5672/vhost
	// or redis://host:6379/0. Empty means amqp://guest:guest@localhost:5672//.
	Broker string `json:"broker"`
	// BrokerURL, WorkerConcurrency, WorkerPrefetchMultiplier, WorkerSendTaskEvents
	// and WorkerStateDB are Celery's names of Broker, Concurrency,
	// PrefetchMultiplier, TaskEvents and StateDB, which count if both are given.
	BrokerURL                string `json:"broker_url"`
	WorkerConcurrency        int    `json:"worker_concurrency"`
	WorkerPrefetchMultiplier *int   `json:"worker_prefetch_multiplier"`
	WorkerSendTaskEvents     bool   `json:"worker_send_task_events"`
	WorkerStateDB            string `json:"worker_state_db"`
	// BrokerReadURL and BrokerWriteURL are Celery's for receiving and sending; there is
	// one broker here, so that they must not differ.
	BrokerReadURL  string `json:"broker_read_url"`
	BrokerWriteURL string `json:"broker_write_url"`
	// BrokerUseSSL and RedisBackendUseSSL have an amqp:// or redis:// URL use TLS, and
	// say how. They are for those of Celery's names; URLs can say the same.
	BrokerUseSSL       UseSSL `json:"broker_use_ssl"`
	RedisBackendUseSSL UseSSL `json:"redis_backend_use_ssl"`
	// BrokerHeartbeat is how many seconds are between two signs of life of a
	// connection to RabbitMQ. Zero means what the URL says, else 10.
	BrokerHeartbeat float64 `json:"broker_heartbeat"`
	// BrokerConnectionTimeout is how many seconds connecting to the broker may take.
	// Zero means 4.
	BrokerConnectionTimeout float64 `json:"broker_connection_timeout"`
	// BrokerTransportOptions are the broker's own.
	BrokerTransportOptions TransportOptions `json:"broker_transport_options"`
	// ResultBackend is where results go: rpc:// (the default), a redis:// or
	// sentinel:// URL, db+postgresql://user:password@host/database,
	// db+sqlite:///file, or disabled://.
	ResultBackend string `json:"result_backend"`
	// ResultBackendTransportOptions are the backend's own.
	ResultBackendTransportOptions TransportOptions `json:"result_backend_transport_options"`
	// DatabaseTableNames and DatabaseTableSchemas are those of a database's tables.
	// Empty means celery_taskmeta and celery_tasksetmeta, and no schema.
	DatabaseTableNames   Tables `json:"database_table_names"`
	DatabaseTableSchemas Tables `json:"database_table_schemas"`
	// Plugins is the watched folder. Empty means plugins.
	Plugins string `json:"plugins"`
	// Spark is the engine: sail (the default), local[N], local[*], or sc://host:port.
	Spark string `json:"spark"`
	// SparkMemory is what a local engine may take, as Spark writes sizes: 2g,
	// 1500m. It is the heap of Apache Spark (empty means 1g), and of Sail about
	// what the data of running queries may take together (empty means no limit).
	SparkMemory string `json:"spark_memory"`
	// SparkConf are settings of the engine by name, as spark-submit's --conf
	// has them. A local Spark starts with them; elsewhere each new session sets
	// them. Names that begin with sail. are options of Sail's own.
	SparkConf map[string]string `json:"spark_conf"`
	// SparkJars are files, folders and patterns of jars for a local Spark's
	// class path, such as those of Delta Lake or Iceberg.
	SparkJars []string `json:"spark_jars"`
	// SparkWarehouse is a local engine's folder of managed tables. Empty means
	// one that is removed when the engine stops.
	SparkWarehouse string `json:"spark_warehouse"`
	// SparkProgress is how many seconds are at least between two states
	// PROGRESS of a task, which tell what Spark says of its running query. A
	// task that reports a state itself has no more of them. Zero means 1;
	// negative turns them off.
	SparkProgress float64 `json:"spark_progress"`
	// SparkTLSCA is a file with the certificates (PEM) to trust for sc://, in
	// place of the system's; SparkTLSCert and SparkTLSKey are this client's own,
	// for servers that ask for one. They have TLS used, as use_ssl=true does.
	SparkTLSCA   string `json:"spark_tls_ca"`
	SparkTLSCert string `json:"spark_tls_cert"`
	SparkTLSKey  string `json:"spark_tls_key"`
	// SparkToken is the bearer token for sc:// if that has no token=….
	SparkToken string `json:"spark_token"`
	// SparkPlaintextToken lets a token go to another machine without TLS.
	SparkPlaintextToken bool `json:"spark_plaintext_token"`
	// Home holds installed engines and the compilation cache. Empty means
	// sparkstalk in the user's cache folder.
	Home string `json:"home"`

	// AcceptContent are the serializers whose messages are taken: json, msgpack
	// and yaml, or their content types. Empty means json. pickle is an error.
	AcceptContent []string `json:"accept_content"`

	// Queues are the queues to consume, each NAME or NAME:EXCHANGE:ROUTING_KEY.
	// Empty means those of TaskQueues, or TaskDefaultQueue.
	Queues []string `json:"queues"`
	// Purge drops the tasks that wait in the queues when the worker starts, before it
	// takes any, as Celery's --purge.
	Purge bool `json:"purge"`
	// ExcludeQueues are names of queues that are not consumed after all.
	ExcludeQueues []string `json:"exclude_queues"`
	// TaskQueues are how queues are declared, by name, also those that tasks are
	// only sent to. Empty means TaskDefaultQueue alone.
	TaskQueues map[string]TaskQueue `json:"task_queues"`
	// The exchange, its type (direct, topic or fanout), the routing key and the
	// type (classic or quorum) of the default queue. Empty means direct and
	// classic, and the queue's name for the others.
	TaskDefaultExchange     string `json:"task_default_exchange"`
	TaskDefaultExchangeType string `json:"task_default_exchange_type"`
	TaskDefaultRoutingKey   string `json:"task_default_routing_key"`
	TaskDefaultQueueType    string `json:"task_default_queue_type"`
	// TaskCreateMissingQueues makes queues that TaskQueues lack; nil means true.
	// The others are of which type those are, and their exchanges.
	TaskCreateMissingQueues            *bool  `json:"task_create_missing_queues"`
	TaskCreateMissingQueueType         string `json:"task_create_missing_queue_type"`
	TaskCreateMissingQueueExchangeType string `json:"task_create_missing_queue_exchange_type"`
	// TaskDefaultRateLimit is the rate limit of tasks that give none, such as 10/m;
	// DisableRateLimits ends all of them.
	TaskDefaultRateLimit string `json:"task_default_rate_limit"`
	DisableRateLimits    bool   `json:"worker_disable_rate_limits"`
	// TaskQueueMaxPriority is the x-max-priority of queues that give none. Zero
	// gives none.
	TaskQueueMaxPriority int `json:"task_queue_max_priority"`
	// WorkerDirect consumes a queue of this worker's own, too: <hostname>.dq2.
	WorkerDirect bool `json:"worker_direct"`
	// DelayedDeliveryQueueType is of which type the queues are that hold tasks
	// back until their time, where one of the queues is a quorum queue: quorum,
	// which empty means, or classic.
	DelayedDeliveryQueueType string `json:"broker_native_delayed_delivery_queue_type"`
	// QueueArgs are arguments of every queue's declaration, such as
	// x-max-priority. They must be those that other declarers give.
	QueueArgs map[string]any `json:"queue_args"`
	// ConsumerPriority is the consumer's x-priority; nil gives none.
	ConsumerPriority *int `json:"consumer_priority"`
	// Concurrency is how many tasks run at once. Zero means one for each CPU.
	Concurrency int `json:"concurrency"`
	// PrefetchMultiplier times Concurrency messages are taken in advance. Nil
	// means 1; zero, as with Celery, and negative mean no limit.
	PrefetchMultiplier *int `json:"prefetch_multiplier"`
	// Hostname is the node name; %h is the host's name, %n the part of it
	// before the first dot, %d the rest, %i a number of this process. Empty
	// means sparkstalk-%i@%h.
	Hostname string `json:"hostname"`
	// AcksLate, TrackStarted, IgnoreResult and TimeLimit (seconds; zero is
	// none) hold for tasks whose module and message leave them open.
	AcksLate     bool    `json:"task_acks_late"`
	TrackStarted bool    `json:"task_track_started"`
	IgnoreResult bool    `json:"task_ignore_result"`
	TimeLimit    float64 `json:"task_time_limit"`
	// SoftTimeLimit (seconds) is after what a task is told to end. The other
	// settings of this group are Celery's of the same name; nil is true.
	SoftTimeLimit            float64 `json:"task_soft_time_limit"`
	AcksOnFailure            *bool   `json:"task_acks_on_failure"`
	AcksOnTimeout            *bool   `json:"task_acks_on_timeout"`
	AcksOnFailureOrTimeout   *bool   `json:"task_acks_on_failure_or_timeout"`
	RejectOnWorkerLost       bool    `json:"task_reject_on_worker_lost"`
	RetryOnWorkerLost        bool    `json:"task_retry_on_worker_lost"`
	StoreErrorsEvenIfIgnored bool    `json:"task_store_errors_even_if_ignored"`
	InheritParentPriority    bool    `json:"task_inherit_parent_priority"`
	// LostLimit is how often a worker of this machine may die while it runs a
	// late-acked task, which the broker then delivers again. A task that has had that
	// fails with WorkerLostError, and its message is rejected. Zero means 3; negative
	// is no limit. The deaths are kept in Home, which has to outlive the worker.
	LostLimit int `json:"worker_lost_limit"`
	// Annotations change options of tasks by their name, "*" those of all:
	// {"demo.WordCount": {"rate_limit": "10/m"}}. The names are those of a
	// module's manifest.
	Annotations map[string]abi.TaskOptions `json:"task_annotations"`
	// TaskDefaultQueue is where tasks go that tasks send without a queue. Empty
	// means celery.
	TaskDefaultQueue string `json:"task_default_queue"`
	// TaskRoutes are where tasks go that tasks send, by name or glob:
	// {"reports.*": "reports", "feeds.*": {"queue": "feeds", "routing_key":
	// "feed.import"}}. Of several globs that fit, the longest counts.
	TaskRoutes map[string]worker.Route `json:"task_routes"`
	// ResultExtended stores a task's name, arguments and worker with its states.
	ResultExtended bool `json:"result_extended"`
	// DeduplicateSuccessful acknowledges redelivered late-acked tasks that have
	// succeeded before, with a backend that keeps results.
	DeduplicateSuccessful bool `json:"worker_deduplicate_successful_tasks"`
	// ParkUnknownTasks is how many seconds a task that no module serves waits for
	// its module. Zero rejects it at once, as Celery does. Up to ParkLimit of them
	// wait in this worker, unacknowledged (zero means 1000); those above it are sent
	// to the end of their queue once a second.
	ParkUnknownTasks float64 `json:"worker_park_unknown_tasks"`
	ParkLimit        int     `json:"worker_park_limit"`
	// CancelOnLoss ends tasks that are acknowledged late when the connection to the
	// broker is lost, to run again. Otherwise they go on, and a message that is
	// delivered again is theirs.
	CancelOnLoss bool `json:"worker_cancel_long_running_tasks_on_connection_loss"`
	// ETALimit is the most messages that are taken through tasks that wait for
	// their time. Zero is no limit.
	ETALimit int `json:"worker_eta_task_limit"`
	// ChordRetryInterval is how many seconds pass between two looks of
	// celery.chord_unlock. Zero means 1.
	ChordRetryInterval float64 `json:"result_chord_retry_interval"`
	// TaskSerializer (json, msgpack or yaml; empty means json) and TaskCompression
	// (gzip, brotli or zstd; empty means none) are how tasks are written that tasks
	// and the beat send, and remote control. TaskDefaultDeliveryMode 1 lets tasks be
	// lost when the broker restarts; zero means 2. TaskDefaultPriority is that of
	// tasks that give none. What a signature says counts more.
	TaskSerializer          string `json:"task_serializer"`
	TaskCompression         string `json:"task_compression"`
	TaskDefaultDeliveryMode int    `json:"task_default_delivery_mode"`
	TaskDefaultPriority     *int   `json:"task_default_priority"`
	// ErrbacksOnChordHeader has the errbacks that are linked to a chord called for
	// the tasks of its header, too.
	ErrbacksOnChordHeader bool `json:"task_allow_error_cb_on_chord_header"`
	// ControlExchange is what the exchanges of remote control are named for; empty
	// means celery. The rest is how a worker's queue for it is declared: how many
	// seconds a message waits (nil means 300) and the queue outlives its reader (nil
	// means 10), negative for ever; whether it outlives the broker, and whether it
	// is one connection's alone (nil means true).
	ControlExchange       string   `json:"control_exchange"`
	ControlQueueTTL       *float64 `json:"control_queue_ttl"`
	ControlQueueExpires   *float64 `json:"control_queue_expires"`
	ControlQueueDurable   bool     `json:"control_queue_durable"`
	ControlQueueExclusive *bool    `json:"control_queue_exclusive"`
	// EventExchange is where events are published; empty means celeryev.
	// EventSerializer is as TaskSerializer. The rest is how the queue is declared on
	// which this worker hears others: how many seconds it outlives its reader (nil
	// means 60, negative for ever), whether it outlives the broker, whether it is one
	// connection's alone (nil means true), and how its name begins.
	EventExchange       string   `json:"event_exchange"`
	EventSerializer     string   `json:"event_serializer"`
	EventQueueExpires   *float64 `json:"event_queue_expires"`
	EventQueueDurable   bool     `json:"event_queue_durable"`
	EventQueueExclusive *bool    `json:"event_queue_exclusive"`
	EventQueuePrefix    string   `json:"event_queue_prefix"`
	// EnableRemoteControl answers celery inspect and control. Nil means true.
	EnableRemoteControl *bool `json:"worker_enable_remote_control"`
	// DisabledCommands are remote control commands that are refused, such as
	// shutdown.
	DisabledCommands []string `json:"worker_disabled_commands"`
	// Mingle asks the workers that run already which tasks are revoked. Nil
	// means true.
	Mingle *bool `json:"worker_mingle"`
	// Gossip listens to the events of other workers, which keeps the clocks
	// together and lets this one stand for elections. Nil means true.
	Gossip *bool `json:"worker_gossip"`
	// StateDB is a file that keeps revocations over a restart; empty keeps none.
	StateDB string `json:"statedb"`
	// Autoscale lets the pool grow and shrink between two sizes: MAX,MIN, or MAX for
	// a pool that ends when nothing is to be done. Empty leaves it at Concurrency.
	Autoscale string `json:"autoscale"`
	// Timezone is the zone of crontabs by its IANA name, such as Europe/Berlin.
	// Empty means UTC, or this machine's zone if EnableUTC is false (nil is true),
	// which changes nothing else: what is sent tells its zone.
	Timezone  string `json:"timezone"`
	EnableUTC *bool  `json:"enable_utc"`
	// Beat has this worker send scheduled tasks, as Celery's -B; of several
	// hosts, one does.
	Beat bool `json:"beat"`
	// BeatSchedule are tasks to send, by a name of their own, beside those that
	// modules declare: {"report": {"task": "demo.WordCount", "schedule": 30.0,
	// "args": ["/data"], "options": {"queue": "reports"}}}. For a schedule see
	// [beat.ParseSchedule].
	BeatSchedule beat.Entries `json:"beat_schedule"`
	// BeatScheduleFilename is the file of the last runs. Empty means
	// beat/<group>.json in Home.
	BeatScheduleFilename string `json:"beat_schedule_filename"`
	// BeatMaxLoopInterval is the longest sleep of the beat in seconds. Zero
	// means 300.
	BeatMaxLoopInterval float64 `json:"beat_max_loop_interval"`
	// BeatCronStartingDeadline is how many seconds old a crontab's missed run
	// may be to be made up for. Nil means however old.
	BeatCronStartingDeadline *float64 `json:"beat_cron_starting_deadline"`
	// BeatEnableRemoteControl has the beat of the command beat answer celery inspect
	// ping as celerybeat@HOST, unless it has not looked at its entries for more than
	// BeatRemoteControlMaxTickAge seconds: nil for twice its longest sleep and at
	// least 60, zero for ever.
	BeatEnableRemoteControl     bool     `json:"beat_enable_remote_control"`
	BeatRemoteControlMaxTickAge *float64 `json:"beat_remote_control_max_tick_age"`
	// BeatGroup names the beats of one broker (or, with a broker other than
	// Redis and a Redis backend, of that) among which one sends. Empty means
	// sparkstalk.beat.
	BeatGroup string `json:"beat_group"`
	// TaskEvents sends Celery's task events.
	TaskEvents bool `json:"task_events"`
	// Heartbeat tells monitors and other workers that this one lives, every
	// HeartbeatInterval seconds. Nil means true, zero 2.
	Heartbeat         *bool   `json:"worker_heartbeat"`
	HeartbeatInterval float64 `json:"worker_heartbeat_interval"`
	// SendSentEvent publishes task-sent for what tasks and the beat send.
	SendSentEvent bool `json:"task_send_sent_event"`
	// ResultExpires is how many seconds a backend that stores results keeps
	// them. Zero means a day; negative, for ever.
	ResultExpires float64 `json:"result_expires"`
	// ResultFailureExpires is the same for FAILURE, with Redis. Zero means as
	// ResultExpires.
	ResultFailureExpires float64 `json:"result_failure_expires"`
	// ResultSerializer (json, msgpack or yaml; empty means json) is how results are
	// written and read, with Redis and rpc. Clients must have the same.
	// ResultCompression (gzip, brotli or zstd; empty means none) packs them, in Redis.
	ResultSerializer  string `json:"result_serializer"`
	ResultCompression string `json:"result_compression"`
	// ResultPersistent has results of rpc:// outlive a restart of the broker.
	ResultPersistent bool `json:"result_persistent"`
	// ResultChordExpires is how many seconds what belongs to a chord is kept in
	// Redis. Zero means as ResultExpires; negative, for ever. ResultChordJoinTimeout
	// is how many seconds the results of groups within a chord's header may take to
	// be there once all tasks have ended. Zero means 3.
	ResultChordExpires     float64 `json:"result_chord_expires"`
	ResultChordJoinTimeout float64 `json:"result_chord_join_timeout"`
	// Grace is how many seconds running tasks may go on after a SIGTERM. Zero
	// means until their end, as with Celery.
	Grace float64 `json:"grace"`
	// SoftShutdownTimeout is how many seconds they may go on after a SIGQUIT, or a
	// second SIGINT, to the worker command. Zero interrupts them at once.
	SoftShutdownTimeout float64 `json:"worker_soft_shutdown_timeout"`

	// ResultLimit is the most bytes that a task's result may have as JSON.
	// Zero means 8 MiB.
	ResultLimit int64 `json:"result_limit"`
	// MemoryMiB is the most linear memory of one module instance, where Modules has
	// no other for the module. Zero means 512.
	MemoryMiB int `json:"memory_mib"`
	// ModuleStackMiB is how deep the calls of a module may nest: each takes 64
	// bytes and 8 more for each parameter and local. Zero means 16.
	// ModuleTableEntries is how far a module's tables may grow that do not begin
	// with more; zero means 16384.
	ModuleStackMiB     int `json:"module_stack_mib"`
	ModuleTableEntries int `json:"module_table_entries"`
	// PluginsNative lets the host load Go plugins (*.so) from the folder beside
	// WASM modules: faster, without any sandbox, and never unloaded. It needs a
	// host that was built with cgo.
	PluginsNative bool `json:"plugins_native"`
	// TrustedModules are modules, by name or glob, and signed if there are
	// ModuleKeys, whose code runs as it is:
	// faster, but only their host calls can be interrupted, and a loop that never
	// ends stops the whole host.
	TrustedModules []string `json:"trusted_modules"`
	// FunctionMemoryMiB is the most linear memory of an instance that runs a
	// module's functions in an executor, of which each of its cores has one. Zero
	// means 256.
	FunctionMemoryMiB int `json:"function_memory_mib"`
	// CacheEntries is how many cached DataFrames are kept; zero means 64.
	// CacheMiB is how much they may hold together, as far as their sizes are
	// known; zero means no limit. When there is too much, those used longest ago
	// go, and never one that a task is using.
	CacheEntries int   `json:"cache_entries"`
	CacheMiB     int64 `json:"cache_mib"`
	// CacheStorageLevel is how cached DataFrames are kept whose modules leave it
	// open: CHECKPOINT, which empty means, or one of PySpark's storage levels.
	CacheStorageLevel string `json:"cache_storage_level"`
	// CachePrivate keeps cached DataFrames from other hosts of the same Spark
	// server, and from this one when it starts again.
	CachePrivate bool `json:"cache_private"`
	// CacheTTL is for how many seconds after it was built a cached DataFrame is
	// used, unless its module says otherwise. Zero means a day.
	CacheTTL float64 `json:"cache_ttl"`
	// CacheGrace is how many seconds a cached DataFrame stays after the last
	// module that asked for it was replaced or removed. Zero means 600.
	CacheGrace float64 `json:"cache_grace"`

	// TaskConf are the settings of the Spark session that tasks may change, for
	// all tasks of this host: keys, or their beginnings with * at the end. Empty
	// lets them change none.
	TaskConf []string `json:"task_conf"`

	// Modules is what modules may do, and their limits, by their names or globs of
	// them: {"reports*": {"read": ["/data/**"], "sql": true, "time_limit": 60}}. See
	// [policy.Rule]. What no rule grants is denied, and a module that asks for
	// something in its manifest gets no more than that. Nil, for programs that
	// embed a host, grants all but raw plans, the environment and HTTP; the command
	// "worker" takes it for empty.
	Modules policy.Rules `json:"modules"`
	// ModuleProcess is the command that starts the process of an isolated module.
	// Empty means this program with [ModuleProcessCommand].
	ModuleProcess []string `json:"-"`
	// AllowAll grants all modules what they ask for, whatever Modules says.
	AllowAll bool `json:"allow_all"`
	// Allow grants rights to all modules beyond what Modules says, each RIGHT or
	// RIGHT=PATTERN: sql, http=api.example.com, env=TOKEN. See [policy.Rules.Allow].
	Allow []string `json:"allow"`
	// Capabilities are what tasks may do beyond what every task may, if their
	// module asks for it: raw_plans lets all hand over serialized plans,
	// raw_plans:reports.* those whose names begin so. Empty grants nothing.
	Capabilities []string `json:"capabilities"`

	// RequireSigned serves only modules that one of ModuleKeys signed: {"name":
	// "reports", "key": "ed25519:…", "tasks": ["reports.*"], "capabilities":
	// ["raw_plans"], "limits": {"rows": 1000}}. A key's tasks, capabilities and
	// limits are the most that what it signed may have: see [module.Key].
	RequireSigned bool         `json:"require_signed"`
	ModuleKeys    []module.Key `json:"module_keys"`
	// RefuseDowngrades refuses signed modules that are older than those that this
	// host accepted before of their tasks. Nil means as RequireSigned.
	RefuseDowngrades *bool `json:"refuse_downgrades"`
	// ModuleTrial is how many calls a new version of a module must end without a
	// trap; until then the one before is kept ready, and serves again after a
	// trap. Nil means 10; zero is none.
	ModuleTrial *int `json:"module_trial"`
	// ModuleCanary is the share of calls, from 0 to 1, that a new version gets
	// during its trial. Zero means all.
	ModuleCanary float64 `json:"module_canary"`
	// ModuleVersions is how many versions of each module are kept to go back to.
	// Zero means 5, negative none.
	ModuleVersions int `json:"module_versions"`
	// ModuleSettle is how many seconds an unsealed file must lie still before it
	// is loaded, and ModuleRelist the time between two looks at the folder, for
	// changes that the system does not tell of. Zero means 0.1, and 2.
	ModuleSettle float64 `json:"module_settle"`
	ModuleRelist float64 `json:"module_relist"`
	// ModuleCompileTimeout is how many seconds compiling a module may take.
	// Zero means 60. ModuleCompileWorkers is how many CPUs it uses; zero means all,
	// at most 8.
	ModuleCompileTimeout float64 `json:"module_compile_timeout"`
	ModuleCompileWorkers int     `json:"module_compile_workers"`

	// ModuleCompileMiB is the most memory that compiling a module may take. Zero
	// means 1024.
	ModuleCompileMiB int `json:"module_compile_mib"`
	// ModuleCompileNice is how far compiling stands behind the tasks, as nice has
	// it, from 0 to 19. Nil means 5.
	ModuleCompileNice *int `json:"module_compile_nice"`
	// Compiler is a command that compiles modules, [module.RunCompiler]. Nil
	// compiles them in this process, without a limit of memory.
	Compiler []string `json:"-"`

	// LogLevel is debug, info, warning or error, for the command that makes Log.
	LogLevel string `json:"loglevel"`

	Log *slog.Logger `json:"-"`
	// OnModule is told of modules that serve now, were refused or are gone, one
	// at a time. It must not block. Nil tells nobody.
	OnModule func(module.Info) `json:"-"`
}
