"""The page and the dataset card of a mixture: which members it has, and where their own are."""

from pipelines.report.page import template_of
from schemas.manifest import MixtureManifest
from transforms.objectives.mixture import Mixture


def render_mixture_report(manifest: MixtureManifest, mixture: Mixture) -> str:
    """Returns a page with a line for each member and split, and links to the members' pages."""
    return _render("mixture.html.j2", manifest, mixture)


def render_mixture_card(manifest: MixtureManifest, mixture: Mixture) -> str:
    """Returns README.md as the Hugging Face hub reads it: every member is a configuration."""
    return _render("mixture_card.md.j2", manifest, mixture)


def _render(template: str, manifest: MixtureManifest, mixture: Mixture) -> str:
    members = [
        {
            "name": member.recipe.name,
            "summary": member.recipe.summary,
            "weight": member.weight,
            "splits": manifest.members[member.recipe.name].splits,
        }
        for member in mixture.members
    ]
    return template_of(template).render(manifest=manifest, mixture=mixture, members=members)
