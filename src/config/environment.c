/* SPDX-License-Identifier: Apache-2.0 */
#include "config/environment.h"

#include <errno.h>
#include <stdio.h>
#include "config/schema.h"

#define PREFIX "BOUNCER_"

const char *environment_find(const char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; *envp; envp++) {
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=' &&
		    (*envp)[n + 1] != '\0')
			return *envp + n + 1;
	}
	return NULL;
}

/* BOUNCER_PUSH_GW of push_gw; NULL if memory is out. */
static char *variable_name(struct environment *environment, const char *key)
{
	size_t size = sizeof(PREFIX) + strlen(key);
	char *name = arena_alloc(&environment->memory, size);

	if (!name)
		return NULL;
	(void)snprintf(name, size, PREFIX "%s", key);
	for (char *c = name; *c; c++) {
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c & ~0x20);
	}
	return name;
}

static void add(struct environment *environment, const char *key,
                const char *value, const char *origin, bool fallback)
{
	if (environment->n_overrides == ENVIRONMENT_MAX)
		return; /* there are not so many keys */
	environment->overrides[environment->n_overrides++] =
		(struct config_override){ .key = key,
		                          .value = value,
		                          .origin = origin,
		                          .fallback = fallback };
}

static char *join(struct environment *environment, const char *a, const char *b,
                  const char *c)
{
	size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
	char *text = arena_alloc(&environment->memory, n);

	if (text)
		(void)snprintf(text, n, "%s%s%s", a, b, c);
	return text;
}

/* "tcp://h:2376" becomes "https://h:2376", with the files of Docker's own
 * client: https://docs.docker.com/reference/cli/docker/#environment-variables */
static int read_docker_tls(struct environment *environment,
                           const char *const *envp, const char *authority)
{
	static const struct {
		const char *key;
		const char *file;
	} files[] = {
		{ "tls_ca", "ca.pem" },
		{ "tls_cert", "cert.pem" },
		{ "tls_key", "key.pem" },
	};
	const char *directory = environment_find(envp, "DOCKER_CERT_PATH");
	const char *home = environment_find(envp, "HOME");
	const char *text = join(environment, "https://", authority, "");

	if (!text)
		return -ENOMEM;
	add(environment, "socket_docker", text, "DOCKER_HOST", true);
	for (size_t i = 0; i < ARRAY_SIZE(files) && (directory || home); i++) {
		text = join(environment, directory ? directory : home,
		            directory ? "/" : "/.docker/", files[i].file);
		if (!text)
			return -ENOMEM;
		add(environment, files[i].key, text, "DOCKER_CERT_PATH", true);
	}
	return 0;
}

/* Only what can be used: the rest is Docker's own client's business. */
static int read_docker_host(struct environment *environment,
                            const char *const *envp)
{
	const char *value = environment_find(envp, "DOCKER_HOST");
	struct slice text = slice_from(value);

	if (slice_starts(text, "tcp://") &&
	    environment_find(envp, "DOCKER_TLS_VERIFY"))
		return read_docker_tls(environment, envp,
		                       value + strlen("tcp://"));
	if (slice_starts(text, "unix://") || slice_starts(text, "tcp://"))
		add(environment, "socket_docker", value, "DOCKER_HOST", true);
	return 0;
}

/* Of this and the next systemd gives a list with colons when the unit asks for
 * several. */
static int read_runtime_directory(struct environment *environment,
                                  const char *const *envp)
{
	static const char name[] = "/control.sock";
	const char *value = environment_find(envp, "RUNTIME_DIRECTORY");
	size_t n = value ? strcspn(value, ":") : 0;
	char *path;

	if (n == 0)
		return 0;
	path = arena_alloc(&environment->memory, n + sizeof(name));
	if (!path)
		return -ENOMEM;
	memcpy(path, value, n);
	memcpy(path + n, name, sizeof(name));
	add(environment, "control_socket", path, "RUNTIME_DIRECTORY", true);
	return 0;
}

static int read_state_directory(struct environment *environment,
                                const char *const *envp)
{
	const char *value = environment_find(envp, "STATE_DIRECTORY");
	char *first;

	if (!value || *value == ':')
		return 0;
	first = arena_copy(&environment->memory,
	                   slice_make(value, strcspn(value, ":")));
	if (!first)
		return -ENOMEM;
	add(environment, "state_dir", first, "STATE_DIRECTORY", true);
	return 0;
}

int environment_read(struct environment *environment, const char *const *envp)
{
	*environment = (struct environment){ 0 };
	environment->config = environment_find(envp, PREFIX "CONFIG");

	for (size_t i = 0; schema_global[i].key; i++) {
		const char *key = schema_global[i].key;
		char *name = variable_name(environment, key);
		const char *value;

		if (!name)
			return -ENOMEM;
		value = environment_find(envp, name);
		if (value && strcmp(key, "port") != 0)
			add(environment, key, value, name, false);
	}
	if (read_docker_host(environment, envp) < 0 ||
	    read_runtime_directory(environment, envp) < 0)
		return -ENOMEM;
	return read_state_directory(environment, envp);
}

void environment_fini(struct environment *environment)
{
	arena_fini(&environment->memory);
	environment->n_overrides = 0;
}
