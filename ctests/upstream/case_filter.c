/*  Linked into every test program of the original with the linker option
 *  --wrap=UnityDefaultTestRun, so that scripts/upstream-tests can run some of
 *  the cases of a program, by their exact names, and can name the case in
 *  which a program died or hung.
 *
 *  UPSTREAM_ONLY_CASES     run these and no others
 *  UPSTREAM_EXCEPT_CASES   run all but these
 *
 *  Both hold names separated by semicolons.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*test_function) (void);

void __real_UnityDefaultTestRun (test_function run,
                                 const char *name,
                                 const int line);
void __wrap_UnityDefaultTestRun (test_function run,
                                 const char *name,
                                 const int line);

static int is_listed (const char *list, const char *name)
{
    const size_t length = strlen (name);
    while (list) {
        if (strncmp (list, name, length) == 0
            && (list[length] == ';' || list[length] == '\0'))
            return 1;
        list = strchr (list, ';');
        if (list)
            list++;
    }
    return 0;
}

void __wrap_UnityDefaultTestRun (test_function run,
                                 const char *name,
                                 const int line)
{
    const char *only = getenv ("UPSTREAM_ONLY_CASES");
    const char *except = getenv ("UPSTREAM_EXCEPT_CASES");
    if ((only && !is_listed (only, name)) || is_listed (except, name))
        return;

    fflush (stdout);
    fprintf (stderr, "\n@case %s\n", name);
    __real_UnityDefaultTestRun (run, name, line);
    fflush (stdout);
}
