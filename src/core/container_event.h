/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_event: what an engine tells of a container when it happens, in
 * our words, whichever engine it is. Events are hints: they may come late,
 * twice, or not at all; what is there is found by looking.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/container.h"

enum runtime_event_kind {
	RUNTIME_EVENT_CREATED,
	RUNTIME_EVENT_STARTED, /* restarted, too, where that is all it says */
	RUNTIME_EVENT_HEALTH,  /* `health` */
	RUNTIME_EVENT_ASKED,   /* somebody asks it to stop, or kills it */
	RUNTIME_EVENT_ENDED,   /* `exit_code` */
	RUNTIME_EVENT_PAUSED,
	RUNTIME_EVENT_RESUMED,
	RUNTIME_EVENT_RENAMED, /* or changed: look at it again */
	RUNTIME_EVENT_REMOVED,
};

/* Text is borrowed for the call. */
struct runtime_event {
	enum runtime_event_kind kind;
	const char *id;
	const char *name; /* "" if the engine does not say it */
	const char *project;
	enum container_health health;
	int64_t exit_code; /* -1: not said */
	bool asked;        /* ENDED: the engine says that somebody asked for it;
	                      of others an ASKED comes before */
	int64_t time_ns;   /* Unix time, the engine's clock */
};
