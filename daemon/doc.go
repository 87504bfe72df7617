// Package daemon builds the parts of dispatcherd from a configuration, starts
// them in order and stops them in reverse. It is the only package that knows
// all the others, and it decides nothing about tasks.
//
// This is the map. Calls go from left to right, what has happened comes back as
// events:
//
//	bytes                     message                decision                  worker            process
//
//	pgnotify.Listener ──┐
//	                    ├─► intake ──► dispatch.Dispatcher ──► workers.Pool ──► process.Process ──► python, in
//	control.Server ─────┘   parse,     delay → duplicate       assign, state,   frames to and      its cgroup
//	       ▲                join       policy → queue          scale, timeout   from one worker        ▲
//	       │                  │            ▲        ▲                │                 │                │ starts,
//	       │                  ▼            │        └─── events ◄────┘                 └─► supervisor ──┘ kills,
//	       │           control/commands  schedule.Scheduler   done · freed · died         (a process of  reaps
//	       └── reply ─────────┘                                                            its own)
//	           (or NOTIFY on reply_to)
package daemon
