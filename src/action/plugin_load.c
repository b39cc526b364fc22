/* SPDX-License-Identifier: Apache-2.0 */
#include "action/plugin_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "core/plugin_parameters.h"
#include "plugins/linked.h"

#define SYMBOL "bouncer_plugin"

/* Who can write there decides what we run. */
static int check_owner(const char *path, const struct stat *stat,
                       struct err *err)
{
	if (stat->st_uid != 0 && stat->st_uid != geteuid())
		return err_set(err, -EPERM,
		               "%s belongs to user %u: it must belong to root "
		               "or to the user that runs this (%u)",
		               path, (unsigned)stat->st_uid,
		               (unsigned)geteuid());
	if (stat->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, -EPERM,
		               "%s can be written by others (mode %04o): "
		               "chmod go-w it",
		               path, (unsigned)stat->st_mode & 07777);
	return 0;
}

/* @path without its links, of the C library's memory, in ours. */
static int resolve(const char *path, char **resolvedp, struct err *err)
{
	char found[PATH_MAX];

	if (!realpath(path, found))
		return err_set_code(err, -errno, "%s", path);
	*resolvedp = mem_strdup(found);
	return *resolvedp ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int check_dir(const char *dir, struct err *err)
{
	struct stat about;

	if (stat(dir, &about) < 0)
		return err_set_code(err, -errno, "plugin_dir %s", dir);
	if (!S_ISDIR(about.st_mode))
		return err_set(err, -ENOTDIR,
		               "plugin_dir %s is not a directory", dir);
	return check_owner(dir, &about, err);
}

static int check_file(const char *dir, const char *path, struct err *err)
{
	const char *name = strrchr(path, '/');
	struct stat about;

	if ((size_t)(name - path) != strlen(dir) ||
	    strncmp(path, dir, strlen(dir)) != 0)
		return err_set(err, -EPERM,
		               "%s lies outside of plugin_dir %s: a link must "
		               "stay in it",
		               path, dir);
	if (stat(path, &about) < 0)
		return err_set_code(err, -errno, "%s", path);
	if (!S_ISREG(about.st_mode))
		return err_set(err, -EINVAL, "%s is not a file", path);
	return check_owner(path, &about, err);
}

static int find_in(const char *dir, const char *name, char **pathp,
                   struct err *err)
{
	char path[PATH_MAX];
	char *found = NULL;
	int n = snprintf(path, sizeof(path), "%s/%s.so", dir, name);
	int r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "plugin_dir %s is too long",
		               dir);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return err_set(err, -ENOENT, "there is no %s.so in %s", name,
		               dir);
	r = resolve(path, &found, err);
	if (r == 0)
		r = check_file(dir, found, err);
	if (r < 0)
		mem_free(found);
	else
		*pathp = found;
	return r;
}

int plugin_find_file(const char *dir, const char *name, char **pathp,
                     struct err *err)
{
	char *resolved = NULL;
	int r;

	if (!dir)
		return err_set(err, -EINVAL,
		               "global.plugin_dir is not set: that is where "
		               "plugins are looked for");
	if (!plugin_name_is_good(name))
		return err_set(err, -EINVAL,
		               "\"%.64s\" is not a plugin's name: letters, "
		               "digits, _ and -, and no path",
		               name);
	r = resolve(dir, &resolved, err);
	if (r < 0) {
		err_wrap(err, "plugin_dir");
		return r;
	}
	r = check_dir(resolved, err);
	if (r == 0)
		r = find_in(resolved, name, pathp, err);
	mem_free(resolved);
	return r;
}

#if BOUNCER_STATIC

static int open_library(struct plugin_loaded *loaded, const char *dir,
                        const char *name, struct err *err)
{
	const struct bouncer_plugin *linked = plugin_linked(name);

	(void)dir;
	if (!linked)
		return err_set(err, -ENOTSUP,
		               "%s: this program is linked statically and has "
		               "no plugins but " PLUGINS_LINKED
		               "; write it as a program: plugin: exec:/path",
		               name);
	return plugin_describe(linked, name, &loaded->plugin, err);
}

static void close_library(struct plugin_loaded *loaded)
{
	(void)loaded;
}

#else

static int open_library(struct plugin_loaded *loaded, const char *dir,
                        const char *name, struct err *err)
{
	void *said = NULL;
	int r = plugin_find_file(dir, name, &loaded->path, err);

	if (r < 0)
		return r;
	if (uv_dlopen(loaded->path, &loaded->library) < 0)
		return err_set(err, -EINVAL, "cannot be loaded: %s",
		               uv_dlerror(&loaded->library));
	if (uv_dlsym(&loaded->library, SYMBOL, &said) < 0 || !said)
		return err_set(err, -EINVAL,
		               "%s does not export %s: it is no plugin, or "
		               "lacks BOUNCER_EXPORT",
		               loaded->path, SYMBOL);
	return plugin_describe(said, name, &loaded->plugin, err);
}

static void close_library(struct plugin_loaded *loaded)
{
	/* what never completed may still be at it */
	if (loaded->n_given_up == 0)
		uv_dlclose(&loaded->library);
}

#endif

int plugin_load(const char *dir, const char *name,
                struct plugin_loaded **loadedp, struct err *err)
{
	struct plugin_loaded *loaded = mem_calloc(1, sizeof(*loaded));
	int r;

	if (!loaded)
		return err_set(err, -ENOMEM, "out of memory");
	list_init(&loaded->node);
	r = open_library(loaded, dir, name, err);
	if (r < 0)
		plugin_unload(loaded);
	else
		*loadedp = loaded;
	return r;
}

void plugin_unload(struct plugin_loaded *loaded)
{
	list_unlink(&loaded->node);
	close_library(loaded);
	mem_free(loaded->path);
	mem_free(loaded);
}

int plugin_check_program(const char *path, struct err *err)
{
	struct stat about;

	if (path[0] != '/')
		return err_set(err, -EINVAL,
		               "exec:%s: an absolute path is needed", path);
	if (stat(path, &about) < 0)
		return err_set_code(err, -errno, "%s", path);
	if (!S_ISREG(about.st_mode) || access(path, X_OK) < 0)
		return err_set(err, -EACCES,
		               "%s cannot be executed: chmod +x it", path);
	return 0;
}
