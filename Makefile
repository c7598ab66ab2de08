# One non-recursive makefile; docs/architecture.md says which folder may use which.
#
# Objects live in build/<variant>/, so variants never mix. A program is its main.o, its folder's archive
# and libcore.a; unit tests link the same archives, which is why main.c only starts things.
#
#   make            the three programs and the simulators (release)
#   make check      installs what is missing, then units, scenarios, pages; U=test_text or T=010 runs one
#   make asan       the same under AddressSanitizer and UBSan
#   make help       every target

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

export LC_ALL := C.UTF-8

VERSION := 0.1.0
PREFIX ?= /usr/local
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif

# Warnings are errors where the code is developed, not where a release tarball is built.
WERROR ?= $(if $(or $(CI),$(wildcard .git)),1)

PKGS := libuv libmicrohttpd libcurl hiredis libmosquitto jansson expat libssl libcrypto libconfig \
	libargon2
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lcsv -lm
CMOCKA_LIBS := -lcmocka

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	-Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wcast-qual -Wconversion -Wno-sign-conversion \
	$(if $(filter 1,$(WERROR)),-Werror)
CPPFLAGS += -D_GNU_SOURCE -DSHOUWANG_VERSION='"$(VERSION)"' -I. $(PKG_CFLAGS)
CFLAGS_release := -O2 -g
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS += -Wl,--as-needed

# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)	$@")

# ---- what there is ---------------------------------------------------------------------------------

CORE_C := $(wildcard core/*/*.c)
BOT_C := $(filter-out bot/main.c,$(wildcard bot/*.c bot/*/*.c))
NOTIFIER_C := $(filter-out notifier/main.c,$(wildcard notifier/*.c notifier/campaign/*.c \
	notifier/engine/*.c notifier/sms/*.c))
CTL_C := $(filter-out notifier/ctl/main.c,$(wildcard notifier/ctl/*.c))
SCRIPTS_LUA := $(wildcard notifier/engine/lua/*.lua)
BOT_WEB := $(wildcard bot/web/*.*)
SIM_WEB := $(wildcard tests/sim/web/*.*)

UNIT_C := $(wildcard tests/unit/test_*.c)
UNIT_HELPER_C := $(filter-out $(UNIT_C),$(wildcard tests/unit/*.c))
BENCH_C := $(wildcard tests/bench/bench_*.c)
FUZZ_C := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_HELPER_C := $(filter-out $(FUZZ_C),$(wildcard tests/fuzz/*.c))
SIM_COMMON_C := $(wildcard tests/sim/*.c)
SIM_DIRS := $(sort $(dir $(wildcard tests/sim/*/*.c)))
SIM_NAMES := $(notdir $(SIM_DIRS:/=))

PROGRAMS := $(if $(wildcard bot/main.c),shouwang-bot) \
	$(if $(wildcard notifier/main.c),shouwang-notifier) \
	$(if $(wildcard notifier/ctl/main.c),shouwang)

# ---- the rules of one variant ----------------------------------------------------------------------

# Results are written aside and renamed: neither an interrupted make nor a second one leaves half a file.
# $(call objects,variant,sources)
objects = $(patsubst %.c,build/$(1)/%.o,$(2))
# $(call link,variant,objects archives libraries)
link = $(CC) $(CFLAGS_$(1)) $(CFLAGS) $(LDFLAGS) -o $@.$$$$ $(2) && mv $@.$$$$ $@

define archive
$(1): $(2) $(1).list
	$$(call say,AR)
	$$(Q)$(AR) rcs $$@.$$$$$$$$ $$(filter %.o,$$^) && mv $$@.$$$$$$$$ $$@
# Renaming or removing a source must rebuild the archive: the list of members is a prerequisite.
$(1).list: FORCE
	@mkdir -p $$(@D); echo '$(2)' | cmp -s - $$@ || echo '$(2)' >$$@
endef

define variant
build/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) -std=c11 $$(CPPFLAGS) $$(WARN) $$(CFLAGS_$(1)) $$(CFLAGS) -MMD -MP -MT $$@ -MF $$(@:.o=.d) \
		-c -o $$@.$$$$$$$$ $$< && mv $$@.$$$$$$$$ $$@ || \
		{ rm -f $$@.$$$$$$$$; exit 1; }
build/$(1)/gen/%.o: build/$(1)/gen/%.c
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) -std=c11 $$(CPPFLAGS) $$(WARN) $$(CFLAGS_$(1)) $$(CFLAGS) -c -o $$@.$$$$$$$$ $$< && mv $$@.$$$$$$$$ $$@

build/$(1)/gen/scripts.c: $$(SCRIPTS_LUA) $$(dir $$(firstword $$(SCRIPTS_LUA))) scripts/embed
	@mkdir -p $$(@D)
	$$(call say,EMBED)
	$$(Q)scripts/embed lua $$(SCRIPTS_LUA) >$$@.$$$$$$$$ && mv $$@.$$$$$$$$ $$@
build/$(1)/gen/bot_assets.c: $$(BOT_WEB) $$(dir $$(firstword $$(BOT_WEB))) scripts/embed
	@mkdir -p $$(@D)
	$$(call say,EMBED)
	$$(Q)scripts/embed assets bot_assets $$(BOT_WEB) >$$@.$$$$$$$$ && mv $$@.$$$$$$$$ $$@
build/$(1)/gen/sim_assets.c: $$(SIM_WEB) $$(dir $$(firstword $$(SIM_WEB))) scripts/embed
	@mkdir -p $$(@D)
	$$(call say,EMBED)
	$$(Q)scripts/embed assets sim_assets $$(SIM_WEB) >$$@.$$$$$$$$ && mv $$@.$$$$$$$$ $$@

$$(eval $$(call archive,build/$(1)/libcore.a,$(call objects,$(1),$(CORE_C))))
$$(eval $$(call archive,build/$(1)/libbot.a,$(call objects,$(1),$(BOT_C)) \
	$(if $(BOT_WEB),build/$(1)/gen/bot_assets.o)))
$$(eval $$(call archive,build/$(1)/libnotifier.a,$(call objects,$(1),$(NOTIFIER_C)) \
	$(if $(SCRIPTS_LUA),build/$(1)/gen/scripts.o)))
$$(eval $$(call archive,build/$(1)/libctl.a,$(call objects,$(1),$(CTL_C))))

build/$(1)/shouwang-bot: build/$(1)/bot/main.o build/$(1)/libbot.a build/$(1)/libcore.a
	$$(call say,LD)
	$$(Q)$$(call link,$(1),$$^ $$(PKG_LIBS))
build/$(1)/shouwang-notifier: build/$(1)/notifier/main.o build/$(1)/libnotifier.a build/$(1)/libcore.a
	$$(call say,LD)
	$$(Q)$$(call link,$(1),$$^ $$(PKG_LIBS))
build/$(1)/shouwang: build/$(1)/notifier/ctl/main.o build/$(1)/libctl.a build/$(1)/libnotifier.a build/$(1)/libcore.a
	$$(call say,LD)
	$$(Q)$$(call link,$(1),$$^ $$(PKG_LIBS))

build/$(1)/tests/unit/test_%: build/$(1)/tests/unit/test_%.o $(call objects,$(1),$(UNIT_HELPER_C)) \
		build/$(1)/libctl.a build/$(1)/libbot.a build/$(1)/libnotifier.a build/$(1)/libcore.a
	$$(call say,LD)
	$$(Q)$$(call link,$(1),$$^ $$(CMOCKA_LIBS) $$(PKG_LIBS))
build/$(1)/tests/bench/bench_%: build/$(1)/tests/bench/bench_%.o \
		build/$(1)/libctl.a build/$(1)/libbot.a build/$(1)/libnotifier.a build/$(1)/libcore.a
	$$(call say,LD)
	$$(Q)$$(call link,$(1),$$^ $$(PKG_LIBS))
build/$(1)/tests/fuzz/fuzz_%: build/$(1)/tests/fuzz/fuzz_%.o $(call objects,$(1),$(FUZZ_HELPER_C)) \
		build/$(1)/libctl.a build/$(1)/libbot.a build/$(1)/libnotifier.a build/$(1)/libcore.a
	$$(call say,LD)
	$$(Q)$$(call link,$(1),$$^ $$(PKG_LIBS))
$$(foreach s,$$(SIM_NAMES),$$(eval $$(call simulator,$(1),$$(s))))

PROGRAMS_$(1) := $(addprefix build/$(1)/,$(PROGRAMS) $(addprefix sim-,$(SIM_NAMES)))
UNITS_$(1) := $(patsubst %.c,build/$(1)/%,$(if $(U),$(filter %/test_$(U:test_%=%).c,$(UNIT_C)),$(UNIT_C)))
FUZZERS_$(1) := $(patsubst %.c,build/$(1)/%,$(FUZZ_C))
BENCHES_$(1) := $(patsubst %.c,build/$(1)/%,$(BENCH_C))
-include $$(wildcard build/$(1)/*.d build/$(1)/*/*.d build/$(1)/*/*/*.d build/$(1)/*/*/*/*.d)
endef

define simulator
build/$(1)/sim-$(2): $(call objects,$(1),$(SIM_COMMON_C) $(wildcard tests/sim/$(2)/*.c)) \
		$(if $(SIM_WEB),build/$(1)/gen/sim_assets.o) build/$(1)/libcore.a
	$$(call say,LD)
	$$(Q)$$(call link,$(1),$$^ $$(PKG_LIBS))
endef

$(eval $(call variant,release))
$(eval $(call variant,asan))

.SECONDARY:
.PHONY: FORCE all programs units unit unit-asan asan asan-build fuzz bench benches check lint format demo run \
	install clean deps help
FORCE:

# ---- targets ---------------------------------------------------------------------------------------

all: programs ## the three programs and the simulators
programs: $(PROGRAMS_release)
units: $(UNITS_release) $(FUZZERS_release)
benches: $(BENCHES_release)
asan-build: $(PROGRAMS_asan) $(UNITS_asan) $(FUZZERS_asan)

unit: units ## build and run the unit tests (U=test_text: one)
	scripts/test-all --build build/release --only unit
unit-asan: $(UNITS_asan) $(FUZZERS_asan) ## the unit tests under the sanitizers
	scripts/test-all --build build/asan --only unit

# Libraries are looked up when this file is read, so what installs them starts make anew, on all processors
# unless -j was given.
again = @$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
check: ## install what is missing, build, run everything
	@scripts/deps
	$(again) WERROR=1 programs units
	@scripts/test-all --build build/release
asan: ## everything under AddressSanitizer and UBSan
	@scripts/deps
	$(again) asan-build
	@scripts/test-all --build build/asan

lint: ## layers, banned functions, formatting, static analysis
	@scripts/lint
format: ## lay out all C files
	find core bot notifier tests -name '*.[ch]' -exec clang-format -i {} +

demo: ## the 2022 campaign with simulators, on simulated time
	@scripts/deps
	$(again) programs
	@scripts/demo
# Where `make run` keeps its installation; anything under 80 bytes.
SERVICE ?= config/service
run: ## the service on a private Redis and broker, in trial mode
	@scripts/deps
	$(again) programs
	@[ -e $(SERVICE)/shouwang.conf ] || build/release/shouwang init $(SERVICE)
	@scripts/run --config $(SERVICE)/shouwang.conf
bench: programs benches ## measure
	@set -e; for b in $(BENCHES_release); do echo "== $$b"; $$b; done

fuzz: $(FUZZERS_asan) ## the fuzzers, ten times longer than in a check
	@set -e; for f in $(FUZZERS_asan); do $$f 200000; done

deps: ## install the Debian packages this needs
	scripts/deps

install: programs ## PREFIX=/usr/local DESTDIR=
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/shouwang
	for p in $(PROGRAMS); do install -m 755 build/release/$$p $(DESTDIR)$(PREFIX)/bin/; done
	cp -R config $(DESTDIR)$(PREFIX)/share/shouwang/
	for m in $(wildcard bot/*.[158] notifier/*.[158] notifier/ctl/*.[158] config/*.[158]); do \
		d=$(DESTDIR)$(PREFIX)/share/man/man$${m##*.}; install -d $$d; install -m 644 $$m $$d/; done

clean: ## remove build/
	rm -rf build

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1: \2/p' Makefile
