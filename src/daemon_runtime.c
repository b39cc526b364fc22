/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtimes that monitors name: one object per type and endpoint, made when
 * first needed and kept until the end, so that a reload does not break off
 * what runs.
 */
#include "daemon_parts.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "runtime/docker.h"
#include "runtime/lxd.h"

static const char *endpoint_of(const struct config_global *global,
                               enum config_target_type type)
{
	switch (type) {
	case CONFIG_TARGET_DOCKER:
		return global->socket_docker;
	case CONFIG_TARGET_PODMAN:
		return global->socket_podman;
	case CONFIG_TARGET_LXD:
		return global->socket_lxd;
	case CONFIG_TARGET_INCUS:
		return global->socket_incus;
	case CONFIG_TARGET_HOST:
	case N_CONFIG_TARGET_TYPES:
	default:
		return NULL;
	}
}

static int runtime_open(struct daemon *daemon, enum config_target_type type,
                        const char *endpoint, struct runtime **runtimep,
                        struct err *err)
{
	const char *name = config_target_type_name(type);

	if (type == CONFIG_TARGET_LXD || type == CONFIG_TARGET_INCUS)
		return lxd_runtime_new(runtimep, &daemon->loop, daemon->client,
		                       name, endpoint, daemon->log, err);
	return docker_runtime_new(runtimep, &daemon->loop, daemon->client, name,
	                          endpoint, daemon->log, err);
}

static struct daemon_runtime *find_runtime(struct daemon *daemon,
                                           enum config_target_type type,
                                           const char *endpoint)
{
	LIST_FOR_EACH (node, &daemon->runtimes) {
		struct daemon_runtime *runtime =
			container_of(node, struct daemon_runtime, node);

		if (runtime->type == type &&
		    strcmp(runtime->endpoint, endpoint) == 0)
			return runtime;
	}
	return NULL;
}

int daemon_runtime_name(const struct config_global *global,
                        enum config_target_type type, const char *endpoint,
                        struct buf *name)
{
	if (!endpoint || text_equal(endpoint, endpoint_of(global, type)))
		return buf_puts(name, config_target_type_name(type));
	return buf_printf(name, "%s %s", config_target_type_name(type),
	                  endpoint);
}

struct runtime *daemon_runtime(struct daemon *daemon,
                               const struct config_global *global,
                               enum config_target_type type,
                               const char *endpoint)
{
	struct daemon_runtime *runtime;
	struct err err = { 0 };
	size_t n;

	if (type == CONFIG_TARGET_HOST)
		return daemon->host;
	if (!endpoint)
		endpoint = endpoint_of(global, type);
	runtime = find_runtime(daemon, type, endpoint ? endpoint : "");
	if (runtime)
		return runtime->runtime;

	n = strlen(endpoint ? endpoint : "") + 1;
	runtime = mem_calloc(1, sizeof(*runtime) + n);
	if (!runtime)
		return NULL;
	runtime->type = type;
	memcpy(runtime->endpoint, endpoint ? endpoint : "", n);
	if (runtime_open(daemon, type, endpoint, &runtime->runtime, &err) < 0) {
		log_error(daemon->log, "runtime cannot be used",
		          LOG_STR("runtime", config_target_type_name(type)),
		          LOG_STR("error", err.message));
		mem_free(runtime);
		return NULL;
	}
	list_append(&daemon->runtimes, &runtime->node);
	return runtime->runtime;
}

struct runtime *daemon_runtime_called(struct daemon *daemon, const char *name)
{
	const char *space = strchr(name, ' ');
	struct slice type_name =
		slice_make(name, space ? (size_t)(space - name) : strlen(name));
	int type = 0;

	while (type < N_CONFIG_TARGET_TYPES &&
	       !slice_is(type_name, config_target_type_name(
					    (enum config_target_type)type)))
		type++;
	if (type == N_CONFIG_TARGET_TYPES)
		return NULL;
	return daemon_runtime(daemon, &daemon->config->config->global,
	                      (enum config_target_type)type,
	                      space ? space + 1 : NULL);
}

void daemon_runtime_close_all(struct daemon *daemon)
{
	LIST_FOR_EACH_SAFE (node, &daemon->runtimes) {
		struct daemon_runtime *runtime =
			container_of(node, struct daemon_runtime, node);

		daemon->n_pending++;
		runtime_close(runtime->runtime, daemon_closed_one, daemon);
		list_unlink(node);
		mem_free(runtime);
	}
	daemon->n_pending++;
	runtime_close(daemon->host, daemon_closed_one, daemon);
}
