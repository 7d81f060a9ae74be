"""The seven systems' ways to speak. README.md beside this folder is their sheet."""

from __future__ import annotations

from simulators.dialect import Dialect
from simulators.dialects.kab_badung import DIALECT as KAB_BADUNG
from simulators.dialects.kab_sleman import DIALECT as KAB_SLEMAN
from simulators.dialects.kab_tangerang import DIALECT as KAB_TANGERANG
from simulators.dialects.prov_bali import DIALECT as PROV_BALI
from simulators.dialects.prov_diy import DIALECT as PROV_DIY
from simulators.dialects.prov_sumbar import DIALECT as PROV_SUMBAR
from simulators.dialects.sp4n_lapor import DIALECT as SP4N_LAPOR

_ALL = (SP4N_LAPOR, PROV_BALI, PROV_SUMBAR, PROV_DIY, KAB_TANGERANG, KAB_SLEMAN, KAB_BADUNG)

DIALECTS: dict[str, Dialect] = {dialect.slug: dialect for dialect in _ALL}
