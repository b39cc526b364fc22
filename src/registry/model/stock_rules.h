/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock_rules: four alerts that everybody wants of machines with a
 * node_exporter (0.16 or newer), under the names that prommgr gave them:
 *
 *   service_down                   a target is not scraped
 *   cpu_threshold_exceeded         percent of the CPU time is used
 *   mem_threshold_exceeded         less memory is available
 *   disk_will_fill_up_in_4hours    at the rate of the last hour
 *
 * And the part of Alertmanager's configuration that tells us of alerts.
 * https://prometheus.io/docs/alerting/latest/configuration/
 *
 * Every series keeps its labels, so that `service` and `project` are there for
 * routing, and every clause has the macro <exclude>, so that a service or a
 * project may override it.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

struct stock_options {
	double cpu;              /* percent, above 0 and below 100 */
	uint64_t cpu_minutes;    /* for so long */
	uint64_t memory_mb;      /* of 1,000,000 bytes */
	uint64_t memory_minutes; /* 0: at once */
	uint64_t down_minutes;   /* likewise */
	uint64_t disk_minutes;   /* likewise */
	const char *job;         /* of node_exporter */
	const char *filesystems; /* types that do not count, a regular
	                             expression of the whole; "": none */
	const char *mounts;      /* likewise places; "": none */
};

/* cpu 85 for 20 minutes, memory 500 MB for 5, down 1, disk 5, "node". */
extern const struct stock_options stock_defaults;

#define STOCK_RULES          4
#define STOCK_MAX_MINUTES    10080
#define STOCK_MAX_EXPRESSION 4096

/* 0, or -EINVAL with words that name the option of the command. */
int stock_check(const struct stock_options *options,
                struct err *err) MUST_CHECK;

/* A file of rules for Prometheus; a failure stays in @out->failed. */
void stock_write_rules(const struct stock_options *options, struct buf *out);
/* The same as a document that `registry apply` takes. */
void stock_write_document(const struct stock_options *options, struct buf *out);

struct alertmanager_options {
	const char *url; /* of the webhook: http://host:9090/api/v1/alerts */
	const char *token_file; /* where Alertmanager finds its token; NULL */
	const char *repeat;     /* "4h": how soon an alert is told of again */
};

/* alertmanager.yml; a failure stays in @out->failed. */
void alertmanager_write_config(const struct alertmanager_options *options,
                               struct buf *out);
