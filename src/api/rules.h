/* SPDX-License-Identifier: Apache-2.0 */
/* rules: monitors and rules by name. Private to src/api. */
#pragma once

#include "api/api.h"
#include "base/json_writer.h"
#include "base/slice.h"

#define API_LIST_SIZE 1200 /* of names in a sentence */

/* Who is meant: one of these. */
struct api_named {
	struct monitor *monitor;
	struct rule *rule;
};

/* The rule of that name; NULL if there is none. */
struct rule *api_find_rule(const struct api *api, struct slice name);

/* A monitor or a rule by its name, else the monitor whose container is called
 * so. False: there is none, or several; that has been answered. */
bool api_find(const struct api *api, struct http_exchange *exchange,
              struct slice name, struct api_named *named);

/* The same where it must be one monitor: of a rule its only one. NULL: it has
 * been answered. */
struct monitor *api_find_one(const struct api *api,
                             struct http_exchange *exchange, struct slice name);

void api_write_rule(const struct api *api, struct json_writer *json,
                    const struct rule *rule);

/* What of a monitor is about its container, and its last words. */
/* "value", "threshold", "level": null of what has none. */
void api_write_value(struct json_writer *json, const struct monitor *monitor);

void api_write_container(struct json_writer *json,
                         const struct monitor *monitor);

/* The last word on it: "healthy", "exited", "missing", … */
const char *api_seen_words(const struct monitor *monitor);

/* The name of what it acts on; NULL: it is called as the monitor is. */
const char *api_target_name(const struct monitor *monitor);
